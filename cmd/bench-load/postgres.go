package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresServer is a private PostgreSQL cluster in a folder of its own, with
// the settings that bars of this project promise it: 2 GB of shared buffers,
// and nothing that would make it slower than it is by default.
type postgresServer struct {
	cmd    *exec.Cmd
	folder string
}

// postgresSettings favour PostgreSQL where the default is meant for small or
// spinning machines. Durability stays as it is: ours is durable too.
func postgresSettings(folder string) []string {
	return []string{
		"shared_buffers=2GB", "effective_cache_size=6GB", "work_mem=64MB", "maintenance_work_mem=1GB",
		"max_wal_size=8GB", "checkpoint_timeout=30min", "random_page_cost=1.1", "jit=off",
		"listen_addresses=", "unix_socket_directories=" + folder,
	}
}

// startPostgres makes and starts a cluster with the programs in bin. initdb
// refuses to run as root; then the account "postgres" owns the cluster.
func startPostgres(ctx context.Context, bin, folder string, log io.Writer) (*postgresServer, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of postgres: %w", err)
	}
	attr, err := asPostgres(folder)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(folder, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata", data, "--encoding", "UTF8", "--locale", "C",
		"--username", "spoor", "--auth", "trust", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = attr, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	args := []string{"-D", data}
	for _, s := range postgresSettings(folder) {
		args = append(args, "-c", s)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), args...)
	cmd.SysProcAttr, cmd.Dir, cmd.Stderr = attr, folder, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	p := &postgresServer{cmd: cmd, folder: folder}
	for range 100 {
		conn, err := p.connect(ctx)
		if err == nil {
			return p, conn.Close(ctx)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.Join(errors.New("start postgres: it does not answer"), p.stop())
}

// asPostgres returns the attributes of a process that may be PostgreSQL, and
// gives it the folder.
func asPostgres(folder string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find the account that PostgreSQL runs as: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read user id %q: %w", account.Uid, err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read group id %q: %w", account.Gid, err)
	}
	if err := os.Chown(folder, int(uid), int(gid)); err != nil {
		return nil, fmt.Errorf("give folder to postgres: %w", err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// connect opens a connection over the socket, which is faster than TCP, with
// plans made for each query: a generic plan is up to forty times slower for a
// broad pattern.
func (p *postgresServer) connect(ctx context.Context) (*pgx.Conn, error) {
	conf, err := pgx.ParseConfig("host=" + p.folder + " user=spoor dbname=postgres")
	if err != nil {
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	conf.RuntimeParams["plan_cache_mode"] = "force_custom_plan"
	conf.RuntimeParams["statement_timeout"] = "60s"
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	return conn, nil
}

// stop shuts the server down (fast) and waits for it.
func (p *postgresServer) stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop postgres: %w", err)
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("stop postgres: %w", err)
	}
	return nil
}
