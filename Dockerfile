# The receiver and its commands: everything pinned by hash, then the project itself without its tree.
FROM python:3.13-slim AS build
RUN python -m venv /opt/spanledger
COPY requirements/run.txt /source/requirements/run.txt
RUN /opt/spanledger/bin/pip install --no-cache-dir --require-hashes --only-binary :all: \
    --requirement /source/requirements/run.txt
COPY pyproject.toml README.md LICENSE /source/
COPY schemas /source/schemas
COPY exporter /source/exporter
COPY instrumentation /source/instrumentation
COPY ledger /source/ledger
RUN /opt/spanledger/bin/pip install --no-cache-dir --no-deps --no-build-isolation /source

FROM python:3.13-slim
RUN useradd --create-home --home-dir /var/lib/spanledger --uid 10002 spanledger
COPY --from=build /opt/spanledger /opt/spanledger
ENV PATH=/opt/spanledger/bin:$PATH PYTHONUNBUFFERED=1
USER spanledger
WORKDIR /var/lib/spanledger
VOLUME /var/lib/spanledger
EXPOSE 4317 4318
ENTRYPOINT ["spanledger"]
# Inside a container every address is the container's own; publishing a port is what opens it. With keys in the store's
# folder (spanledger keys create) senders are asked for them all the same: docs/access.md.
CMD ["serve", "--store", "/var/lib/spanledger/store", "--grpc", "0.0.0.0:4317", "--http", "0.0.0.0:4318", \
     "--insecure-public"]
