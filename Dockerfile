# syntax=docker/dockerfile:1
# One image for every process of the mesh: docker run ghcr.io/meshlane/meshlane control-plane
FROM node:26-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image carries its own runtime, so the pinned one of the checkout stays out; no package runs a script here.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && npm cache clean --force

FROM node:26-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY shared ./shared
COPY observability ./observability
COPY controlplane ./controlplane
COPY dataplane ./dataplane
COPY cli ./cli
COPY examples ./examples
# Numbers, not names: Kubernetes can only tell from a number that it is not root.
USER 65532:65532
EXPOSE 15080 15010 15000 15001 15006 15090 4317 4318
ENTRYPOINT ["node", "cli/main.mjs"]
CMD ["--help"]
