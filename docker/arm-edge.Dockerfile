# syntax=docker/dockerfile:1
# Everything that makes a bundle, on a 64-bit ARM processor: a board with 4 GB or more, an ARM server, or an emulated one.
#   docker build --platform linux/arm64 -f docker/arm-edge.Dockerfile -t compactor:arm-edge .
#   docker run --rm --platform linux/arm64 -v "$PWD:/work" --user "$(id -u)" compactor:arm-edge bench BUNDLE
# Only to answer or to be timed, a board needs no more than runtime.Dockerfile, built for the same platform.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG TARGETARCH=arm64
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# An x86-64 image under the name of this target would run, and mean nothing.
RUN test "${TARGETARCH}" = arm64 && test "$(uname -m)" = aarch64
WORKDIR /src
COPY requirements requirements
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir -c requirements/lock.txt --extra-index-url "${TORCH_INDEX}" "torch==2.13.0+cpu"
COPY pyproject.toml README.md LICENSE ./
COPY compactor compactor
RUN /venv/bin/pip install --no-cache-dir -c requirements/lock.txt ".[toolchain]"

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="compactor toolchain, ARM processor" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV ORT_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 HOME=/tmp PATH=/venv/bin:$PATH
COPY --from=build /venv /venv
WORKDIR /work
USER 10001:10001
HEALTHCHECK --interval=5m --timeout=60s CMD ["compactor", "doctor"]
ENTRYPOINT ["compactor"]
CMD ["--help"]
