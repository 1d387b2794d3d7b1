# The image for mlspec's own jobs, for example the gate of a training run. There is no public image: build it, push it to
# a registry that your cluster can reach, and set `platform.images.runtime`.
#
#     docker build -t REGISTRY/mlspec-runtime:VERSION .
#     docker push REGISTRY/mlspec-runtime:VERSION

FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY compiler/ compiler/
COPY mlspec/ mlspec/
COPY runtime/ runtime/
COPY schema/ schema/
COPY src/ src/
COPY targets/ targets/
COPY terminal/ terminal/
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11.13-slim-bookworm
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    python -m pip install --no-cache-dir --root-user-action=ignore /wheels/*.whl
# A number, because the kubelet cannot tell whether a named user is root.
USER 65532:65532
ENTRYPOINT ["mlspec"]
