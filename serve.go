package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"fspivot/api"
	"fspivot/service"
)

type serveCommand struct {
	Config string `help:"Configuration file; every setting is also an environment variable, FSPIVOT_ESL_LISTEN for esl.listen." type:"existingfile"`
}

// Run serves until a signal comes. The listener is closed first, so that the switch goes to its next host; live calls end
// or are given back to the switch after esl.drain_seconds.
func (c serveCommand) Run(ctx context.Context) error {
	settings, log, err := configured(c.Config)
	if err != nil {
		return err
	}
	s, err := service.New(settings, version, log)
	if err != nil {
		return err
	}
	calls, err := net.Listen("tcp", settings.ESL.Listen)
	if err != nil {
		return fmt.Errorf("esl.listen: %w", err)
	}
	web, err := net.Listen("tcp", settings.HTTP.Listen)
	if err != nil {
		_ = calls.Close()
		return fmt.Errorf("http.listen: %w", err)
	}
	handler := &api.Handler{Token: settings.HTTP.AuthToken, Recordings: settings.Media.Recordings}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		served <- server.Serve(web)
		cancel() // without it nobody could tell that the service lives
	}()
	log.WithField("esl", calls.Addr().String()).WithField("http", web.Addr().String()).Info("ready for calls")

	stop := context.AfterFunc(ctx, handler.Drain)
	defer stop()
	err = s.Serve(ctx, calls)
	closing, give := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer give()
	if shutdown := server.Shutdown(closing); shutdown != nil {
		err = errors.Join(err, shutdown)
	}
	if web := <-served; !errors.Is(web, http.ErrServerClosed) {
		err = errors.Join(err, web)
	}
	log.Info("stopped")
	return err
}
