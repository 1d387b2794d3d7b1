# The image for mlspec's own jobs, for example the gate of a training run. There is no public image: build it, push it to
# a registry that your cluster can reach, and set `platform.images.runtime`.
#
#     docker build -t REGISTRY/mlspec-runtime:VERSION .
#     docker push REGISTRY/mlspec-runtime:VERSION

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1 AS build
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /mlspec && \
    /mlspec/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/run.txt
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
COPY --from=build /mlspec /mlspec
ENV PATH=/mlspec/bin:$PATH
# A number, because the kubelet cannot tell whether a named user is root.
USER 65532:65532
ENTRYPOINT ["mlspec"]
