# syntax=docker/dockerfile:1
# docker build -t ccgraph . && docker run -p 127.0.0.1:8000:8000 -v ccgraph:/data ccgraph serve --demo
# In a container it listens on all addresses, so the demo gets a random password, which is printed once.

FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
# Node.js makes the pages for browsers, and stays behind in this stage.
RUN python3 -m venv .node \
 && .node/bin/python dashboard/build.py \
 && rm -rf .node dashboard/node_modules \
 && python3 -m venv /opt/ccgraph \
 && /opt/ccgraph/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/ccgraph/bin/pip install --quiet --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin ccgraph \
 && install --directory --owner=ccgraph --mode=0700 /data /var/cache/ccgraph
COPY --from=build /opt/ccgraph /opt/ccgraph
ENV PATH=/opt/ccgraph/bin:$PATH PYTHONUNBUFFERED=1 CCGRAPH_HOST=0.0.0.0 CCGRAPH_PORT=8000 CCGRAPH_DATA_DIR=/data \
    KF_RULE_CACHE_DIR=/var/cache/ccgraph
USER ccgraph
# The rules of masking are compiled once, here.
RUN python -c "from services.secrets.known_forms import scanner; scanner()"
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD python -c "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['CCGRAPH_PORT'] + '/healthz')"
ENTRYPOINT ["ccgraph"]
CMD ["serve"]
