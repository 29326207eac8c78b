# syntax=docker/dockerfile:1
# Everything that makes a bundle, on a processor.
#   docker build -f docker/toolchain.Dockerfile -t compactor .
#   docker run --rm -v "$PWD:/work" -w /work --user "$(id -u)" compactor run profiles/quickstart.yaml
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements requirements
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -c requirements/lock.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY compactor compactor
RUN /venv/bin/pip install --no-cache-dir -c requirements/lock.txt ".[toolchain]"

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="compactor toolchain" org.opencontainers.image.licenses="Apache-2.0"
ENV ORT_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 PATH=/venv/bin:$PATH
COPY --from=build /venv /venv
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s CMD ["compactor", "--version"]
ENTRYPOINT ["compactor"]
CMD ["--help"]
