package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"teiserver/internal/account"
	"teiserver/internal/chat"
	"teiserver/internal/client"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/coordinator"
	"teiserver/internal/friend"
	"teiserver/internal/geoip"
	"teiserver/internal/guard"
	"teiserver/internal/login"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
	"teiserver/internal/spring"
	"teiserver/internal/spring/certificate"
	"teiserver/internal/store"
)

// lockFolder takes the data folder: the proof that a namesake of this node on this
// host is dead.
func (s *Server) lockFolder(context.Context) error {
	if err := os.MkdirAll(s.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	path := filepath.Join(s.cfg.DataDir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the folder
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("the data folder %s is used by another teiserver", s.cfg.DataDir)
		}
		return fmt.Errorf("lock data folder: %w", err)
	}
	if s.place, err = placeOf(f); err != nil {
		_ = f.Close()
		return err
	}
	s.started("data folder", func(context.Context) error { return f.Close() })
	return nil
}

// listen takes the ports before anything else is touched, so that a busy one ends
// the start at once. Connections wait in the queue of the system until they are served.
// That of the cluster is taken by the bus, and only looked at here.
func (s *Server) listen(ctx context.Context) error {
	for _, l := range s.cfg.Listeners() {
		var lc net.ListenConfig
		ln, err := lc.Listen(ctx, "tcp", l.Address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("--%s %s: the port is used by another program", l.Flag, l.Address)
		}
		if err != nil {
			return fmt.Errorf("--%s %s: %w", l.Flag, l.Address, err)
		}
		if l.Flag == "cluster-listen" {
			_ = ln.Close()
			continue
		}
		s.listeners[l.Flag] = ln
		s.started(l.Flag, func(context.Context) error {
			if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		})
	}
	return nil
}

func (s *Server) openStore(ctx context.Context) error {
	use := store.Single
	if s.cfg.Clustered() {
		use = store.Clustered
	}
	st, err := store.Open(ctx, string(s.cfg.Database), store.Options{Use: use, Log: s.log})
	if err != nil {
		return err
	}
	s.store = st
	s.started("store", func(context.Context) error { return st.Close() })
	if !s.cfg.Clustered() {
		s.run("database watch", func(ctx context.Context) { s.reach.watch(ctx, st.Ping, s.log) })
	}
	s.run("store watch", func(ctx context.Context) {
		select {
		case err := <-st.Lost():
			s.fail(err)
		case <-ctx.Done():
		}
	})
	return nil
}

// readCountries reads the file that tells where addresses are from, if there is one.
func (s *Server) readCountries(context.Context) error {
	if s.cfg.GeoIP == "" {
		return nil
	}
	table, err := geoip.Open(s.cfg.GeoIP)
	if err != nil {
		return fmt.Errorf("--geoip: %w", err)
	}
	s.country = table.Country
	s.log.Info("countries", "database", table.Describe())
	return nil
}

func (s *Server) loadCertificate(ctx context.Context) error {
	c, err := certificate.Load(ctx, certificate.Source{
		CertFile: s.cfg.TLSCert, KeyFile: s.cfg.TLSKey, Secret: s.store.Secret,
	})
	if err != nil {
		return err
	}
	s.tls, s.fingerprint = c.Config(), c.Fingerprint()
	return nil
}

// joinCluster makes this node a member: lease, bus, registry, feeds. Kinds are
// registered before, singletons ensured later.
func (s *Server) joinCluster(ctx context.Context) error {
	routes, err := s.cfg.ClusterTLS()
	if err != nil {
		return err
	}
	if s.first, err = neverServed(ctx, s.store); err != nil {
		return err
	}
	if s.residents, err = ensureResidents(ctx, s.store); err != nil {
		return err
	}
	memory, err := readMemory(s.cfg.DataDir)
	if err != nil {
		s.log.Warn("a database that was restored may go unnoticed", "err", err)
	}
	node := cluster.New(cluster.Options{
		Name: s.cfg.NodeName, Version: Version, Single: !s.cfg.Clustered(), Address: s.cfg.ClusterAddress(),
		BootID: s.place, FolderLocked: s.place != "", Memory: memory,
		Leases: s.store, Owners: s.store, Sequences: s.store,
		Bus: func(ctx context.Context, self bus.Origin, clusterID string) (bus.Bus, error) {
			b, err := bus.OpenNATS(ctx, bus.Options{
				Self: self, ClusterID: clusterID, Listen: s.cfg.ClusterListen, Advertise: s.cfg.ClusterAdvertise, Join: s.cfg.ClusterJoin,
				Secret: string(s.cfg.ClusterSecret), TLS: routes, Log: s.log, OnPeerError: s.peerRefused, OnTried: func() { close(s.tried) },
			})
			s.bus, s.clusterID = b, clusterID
			return b, err
		},
		Clients: s.countClients, Guard: s.guard,
		OnCondemned: func() {
			s.givenUp.Store(true)
			s.fail(ErrCondemned)
		},
		OnTimeline: s.onTimeline,
		OnCutOff:   func() { s.fail(ErrCutOff) },
		OnDrain:    s.drains.want,
		HearFirst:  s.hearFirst,
		Log:        s.log,
	})
	for _, k := range kinds(parts{store: countedStore{s.store, &s.played}, residents: s.residents, late: &s.late, jobs: s.jobs}) {
		node.Register(k)
	}
	if err := node.Start(ctx); err != nil {
		return err
	}
	s.node = node
	s.started("cluster", node.Stop)
	s.remember()
	return nil
}

// peerRefused ends a node that cannot talk to the cluster it was told to join:
// another secret, or another cluster. Who only knocks here ends nobody.
func (s *Server) peerRefused(err error) {
	if e := (*bus.PeerError)(nil); s.ready.get() == starting && errors.As(err, &e) && e.Joined {
		s.fail(err) // the one line that the operator reads
		return
	}
	s.log.Error("cluster peer refused", "err", err)
}

// countClients is asked with each renewal of the lease, so also while the server starts.
func (s *Server) countClients() int {
	if c := s.counted.Load(); c != nil {
		return c.Count()
	}
	return 0
}

func (s *Server) hasClient(user int64) bool { return s.clients.Has(user) }

// peers are those with whom remembered passwords are shared: nil for a node that is alone.
func (s *Server) peers() *account.Peers {
	if !s.cfg.Clustered() {
		return nil
	}
	living := func(o bus.Origin) bool {
		return slices.ContainsFunc(s.node.Members(), func(m cluster.Member) bool { return m.Origin == o })
	}
	return &account.Peers{Bus: s.bus, Living: living, Secret: s.cfg.ClusterSecret.Reveal(), Cluster: s.clusterID}
}

// buildDomain makes the services and the view.
func (s *Server) buildDomain(ctx context.Context) error {
	s.caches = cache.New(s.bus, s.store, cache.Options{Log: s.log})
	s.settings = setting.NewService(s.store, s.caches, s.log)
	s.buildRatings()
	s.buildModeration()
	if err := s.buildMail(ctx); err != nil {
		return err
	}
	s.accounts = account.NewService(s.store, s.caches, func(ctx context.Context) (int64, error) {
		return s.node.Next(ctx, sequenceUser)
	}, s.settings, account.Options{
		Unlimited: s.cfg.Unlimited, Cheap: s.cfg.Unlimited, Country: s.country, Here: s.hasClient, Skill: s.ratings.Skill, Verdicts: s.moderation, Flagged: s.moderation.FlaggedName, BannedDomain: s.moderation.BannedDomain, Posted: s.posted, Peers: s.peers(), Now: s.node.Now, Log: s.log,
	})
	s.friends = friend.NewService(s.store, s.caches, s.settings, s.log)
	s.roster = roster.New(s.node, s.settings.SessionGrace)
	s.roster.SpeakAs(s.residents[coordinator.Kind])

	var sessions account.SessionStore = s.store
	if !s.cfg.Clustered() {
		sessions = client.NewLocalSessions(s.node.Self().Incarnation)
	}
	s.clients = client.NewService(client.Options{
		Runtime: s.node, Roster: s.roster, Accounts: s.accounts, Friends: s.friends, Settings: s.settings,
		Sessions: sessions, Caches: s.caches, Audit: s.cfg.Clustered(), Log: s.log,
		Incarnation: s.incarnation, Now: s.node.Now, Guard: s.guard,
		Coordinator: s.residents[coordinator.Kind], Residents: s.mailboxes(),
		Desk:    &coordinator.Desk{Accounts: s.accounts, Settings: s.settings, Processes: s.node, Ratings: s.ratings, Accolades: badges{s.store}, Facts: account.NewStats(s.store), Names: s.store, Log: s.log},
		Ratings: s.ratings, Moderation: s.moderation,
		OnLogin:  func(u *account.User, p client.Presence) { s.guard.Do("login", func() { s.loggedIn(u, p) }) },
		Overhear: guard.Hook(s.guard, "line overheard", s.overhear),
	})
	s.clients.Desk.Moderation = verdicts{s.moderation}
	s.buildAutomod()
	s.clients.Desk.Parties = s.clients
	s.late.clients.Store(s.clients)
	s.followRatings()
	s.buildAccolades()
	s.buildMatches()
	s.counted.Store(s.clients)
	s.logins = login.New(login.Options{
		Runtime: s.node, Settings: s.settings, People: s.roster.People, Unlimited: s.cfg.Unlimited, Log: s.log,
	})
	s.spring = spring.NewServer(spring.Options{
		Clients: s.clients, Accounts: s.accounts, Settings: s.settings, Queue: s.logins,
		TLS: s.tls, Unlimited: s.cfg.Unlimited, ProxyFrom: s.cfg.ProxyFrom(), Log: s.log,
	})
	s.buildTelemetry()
	if err := s.buildBridge(); err != nil {
		return err
	}
	s.run("timelines", s.followTimelines)
	s.run("caches", func(ctx context.Context) { _ = s.caches.Run(ctx) })
	s.run("accounts", s.accounts.Run)
	s.run("mail", s.runMail)
	s.run("sessions", s.clients.Run)
	s.run("limits", s.spring.Run)
	s.run("login queue", s.logins.Run)
	s.run("roster", func(ctx context.Context) { _ = s.roster.Serve(ctx) })
	return nil
}

// fillStore makes what an empty database needs: the channels that are always there
// and the operator's account.
func (s *Server) fillStore(ctx context.Context) error {
	for _, name := range chat.Builtin {
		if _, err := s.store.Channel(ctx, name, s.residents[coordinator.Kind], coordinator.Account.Name); err != nil {
			return fmt.Errorf("make channel %s: %w", name, err)
		}
	}
	return s.ensureAdministrator(ctx)
}

// fillRoster waits until this node sees what the others show and may take over what
// nobody runs.
func (s *Server) fillRoster(ctx context.Context) error {
	defer s.turnAway(ctx)()
	wait, cancel := context.WithTimeout(ctx, hearTimeout)
	defer cancel()
	filled := make(chan error, 1)
	go func() { filled <- s.roster.Filled(wait) }()
	select {
	case err := <-s.fatal: // a peer that refuses us
		cancel()
		<-filled //nolint:errcheck // only its end matters now
		return err
	case err := <-filled:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.log.Warn("not every node was heard in time", "members", memberNames(s.node.Members()))
		}
	}
	select {
	case <-s.node.Ready():
		return s.hearJoined(ctx)
	case err := <-s.fatal:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// joinTimeout is how long a node that hears nobody waits for the answer of those whom it was
// told to join. One that does not fit serves nobody then: its clients would be alone.
const joinTimeout = 3 * time.Second

// hearJoined waits until somebody is heard, or nobody is there.
func (s *Server) hearJoined(ctx context.Context) error {
	if len(s.cfg.ClusterJoin) == 0 {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	look := time.NewTicker(joinTimeout / 100)
	defer look.Stop()
	for len(s.bus.Peers()) == 0 {
		select {
		case err := <-s.fatal: // a peer that refuses us
			return err
		case <-s.tried:
			return nil
		case <-look.C:
		case <-wait.Done():
			return ctx.Err() // nil: it was long enough
		}
	}
	return nil
}

func memberNames(members []cluster.Member) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Node
	}
	return strings.Join(names, " ")
}

func (s *Server) serveSpring(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	var accepting sync.WaitGroup
	for flag, secure := range map[string]bool{"spring-listen": false, "spring-tls-listen": true} {
		if ln := s.listeners[flag]; ln != nil {
			accepting.Go(func() {
				if err := s.spring.Serve(ctx, ln, secure); err != nil {
					s.fail(fmt.Errorf("--%s: %w", flag, err))
				}
			})
		}
	}
	s.started("connections", func(stop context.Context) error {
		defer accepting.Wait()
		defer cancel()
		s.handOver(stop)
		for _, flag := range []string{"spring-listen", "spring-tls-listen"} {
			if ln := s.listeners[flag]; ln != nil {
				_ = ln.Close()
			}
		}
		return s.spring.Shutdown(stop, endStop)
	})
	s.run("drains", s.runDrains)
	return nil
}

// hearTimeout is how long a node waits for the others' feeds before it serves
// without them.
const hearTimeout = 10 * time.Second

// sequenceUser numbers accounts; the number is the Spring id as well.
const sequenceUser = "user"

// placeOf names a data folder for as long as its host runs, empty if that cannot be
// done. Whoever holds its lock proves that a namesake with the same place is dead; a
// namesake with another folder, on this host or on another, may well be alive.
func placeOf(lock *os.File) (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", nil //nolint:nilerr // another system: then there is no proof
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(lock.Fd()), &st); err != nil {
		return "", fmt.Errorf("look at data folder: %w", err)
	}
	return fmt.Sprintf("%s %d:%d", strings.TrimSpace(string(boot)), st.Dev, st.Ino), nil
}
