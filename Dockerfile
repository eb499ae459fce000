# The image serves and nothing more: pinned packages and the application, no compiler, no root.
# It listens on every interface, so it refuses to start without QUORUM_API_KEYS (or, knowingly, QUORUM_INSECURE=true).

FROM python:3.11.16-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src

RUN python -m venv /opt/quorum
COPY requirements/runtime.txt requirements/
RUN /opt/quorum/bin/pip install --require-hashes --no-deps --only-binary :all: --requirement requirements/runtime.txt

RUN python -m venv /opt/build
COPY requirements/build.txt requirements/
RUN /opt/build/bin/pip install --require-hashes --no-deps --only-binary :all: --requirement requirements/build.txt
COPY pyproject.toml README.md ./
COPY app app
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /opt/quorum/bin/pip install --no-deps --no-index /tmp/wheel/*.whl \
    && /opt/quorum/bin/pip uninstall --yes --quiet pip setuptools

FROM python:3.11.16-slim-bookworm
# llama.cpp, the embedded worker, computes with OpenMP; programs to be tested run in bubblewrap (docs/sandbox.md). The base comes without compiled modules, and nothing can be written
# at run time: without compiling them here, every start of Python, each health check too, would do it anew.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && python -m compileall -q /usr/local/lib/python3.11 \
    && useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin quorum
COPY --from=build /opt/quorum /opt/quorum

ENV PATH=/opt/quorum/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 QUORUM_HOST=0.0.0.0
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-ISc", "import http.client as h, os; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('QUORUM_PORT', 8000)), timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["quorum"]
CMD ["serve"]
