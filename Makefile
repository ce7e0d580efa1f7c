.PHONY: test race lint demo test-freeswitch fuzz

test:
	go test ./...

race:
	go test -race ./...

lint:
	gofmt -l .
	go vet ./...
	go tool staticcheck ./...

demo:
	go run . demo

# The scenarios on the simulated switch and on an installed one, which is started on loopback with a scratch configuration.
# FSPIVOT_FREESWITCH is its binary; FSPIVOT_FREESWITCH_LOG=debug keeps its log.
FSPIVOT_FREESWITCH ?= $(shell command -v freeswitch)
test-freeswitch:
	@test -n "$(FSPIVOT_FREESWITCH)" || { echo "set FSPIVOT_FREESWITCH to the binary of a FreeSWITCH 1.10"; exit 1; }
	FSPIVOT_FREESWITCH="$(FSPIVOT_FREESWITCH)" go test -count=1 -timeout 30m ./scenarios

# Each fuzz target for a short while.
FUZZTIME ?= 20s
fuzz:
	@for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done
