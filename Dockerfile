# The image for mlspec's own jobs, for example the gate of a training run. There is no public image: build it, push it to
# a registry that your cluster can reach, and set `platform.images.runtime`.
#
#     docker build -t REGISTRY/mlspec-runtime:VERSION .
#     docker push REGISTRY/mlspec-runtime:VERSION
#
# Builds of one commit have the same content: base images and packages are pinned, and times come from
# SOURCE_DATE_EPOCH. For the same bytes, let BuildKit also set the times of files:
#
#     docker buildx build --no-cache --output type=image,name=REGISTRY/mlspec-runtime:VERSION,rewrite-timestamp=true .

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1 AS build
ARG SOURCE_DATE_EPOCH=1700000000
WORKDIR /src
COPY requirements/runtime.txt requirements/runtime.txt
RUN python -m venv /mlspec && \
    /mlspec/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY compiler/ compiler/
COPY mlspec/ mlspec/
COPY runtime/ runtime/
COPY schema/ schema/
COPY src/ src/
COPY targets/ targets/
COPY terminal/ terminal/
RUN /mlspec/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1
ARG SOURCE_DATE_EPOCH=1700000000
# git, for `mlspec runtime promote`. The base image names the snapshot of Debian that it was made from, so its digest pins
# the packages of that day, too; their signatures are checked, but not whether that day is today.
RUN sed -i -e '/^URIs:/d' -e 's|^# http://snapshot|URIs: http://snapshot|' /etc/apt/sources.list.d/debian.sources && \
    grep -q '^URIs: http://snapshot.debian.org/' /etc/apt/sources.list.d/debian.sources && \
    apt-get -o Acquire::Check-Valid-Until=false update && \
    apt-get install --yes --no-install-recommends git && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/aux-cache /var/log/*
COPY --from=build /mlspec /mlspec
ENV PATH=/mlspec/bin:$PATH
# A number, because the kubelet cannot tell whether a named user is root.
USER 65532:65532
ENTRYPOINT ["mlspec"]
