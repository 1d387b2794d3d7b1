module mlspec/tests/cluster/grafana

go 1.26

require github.com/grafana/grafana-operator/v5 v5.18.0
