#!/bin/sh
# What the catalog says about the image.
set -eu
ray start --head --metrics-export-port=8080 --include-dashboard=false --num-cpus=2
exec serve run /opt/code/config.yaml
