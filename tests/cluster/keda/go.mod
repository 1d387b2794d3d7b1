module mlspec/tests/cluster/keda

go 1.26

require github.com/kedacore/keda/v2 v2.20.2
