module mlspec/tests/cluster/trainer

go 1.26

require github.com/kubeflow/trainer/v2 v2.3.0
