# A static binary in an image with certificates and nothing else. docker build --build-arg VERSION=… sets what
# `fspivot version` says.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/fspivot . \
 && mkdir -p /out/data/media /out/data/recordings

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/fspivot /usr/local/bin/fspivot
COPY --from=build /src/configs /etc/fspivot
COPY --from=build --chown=nonroot:nonroot /out/data /var/lib/fspivot
WORKDIR /var/lib/fspivot
# Loopback is of no use in a container of its own; http.listen stays on it until http.auth_token is set.
ENV FSPIVOT_ESL_LISTEN=0.0.0.0:8084 \
    FSPIVOT_ACCOUNTS=/etc/fspivot/accounts
USER nonroot
EXPOSE 8084
ENTRYPOINT ["/usr/local/bin/fspivot"]
CMD ["serve", "--config", "/etc/fspivot/fspivot.yaml"]
