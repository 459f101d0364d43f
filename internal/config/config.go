package config

import "time"

// Config is every setting of the program. The yaml tag is a setting's name in
// the file (nested names are joined by dots), env its variable without the
// SPOOR_ before it, flag its command-line flag where it has one, doc its line
// in the reference. A new field needs a value in Defaults that works unset.
type Config struct {
	Data            string        `yaml:"data" env:"DATA" flag:"data" doc:"folder that holds the store; made with mode 0700 when missing"`
	Store           string        `yaml:"store" env:"STORE" flag:"store" doc:"store to use instead of the one in data: sqlite:PATH, or postgres://USER@HOST/DATABASE, where HOST may be several, joined by commas" secret:"url"`
	ReadStore       string        `yaml:"read_store" env:"READ_STORE" flag:"read-store" doc:"PostgreSQL address whose hosts are replicas of the store that reads may go to; empty is none" secret:"url"`
	ReadStoreMaxLag time.Duration `yaml:"read_store_max_lag" env:"READ_STORE_MAX_LAG" doc:"how far a replica may be behind before reads go elsewhere"`
	Listen          string        `yaml:"listen" env:"LISTEN" flag:"listen" doc:"address to serve on, as HOST:PORT; port 0 picks a free one"`
	MetricsListen   string        `yaml:"metrics_listen" env:"METRICS_LISTEN" flag:"metrics-listen" doc:"private address to serve /metrics on, as HOST:PORT; port 0 picks a free one, empty is no metrics"`
	PublicURL       string        `yaml:"public_url" env:"PUBLIC_URL" flag:"public-url" doc:"address that links in answers begin with; empty is the listen address"`
	SourceName      string        `yaml:"source_name" env:"SOURCE_NAME" doc:"name of this feed in meta.source of every answer"`
	TLSCert         string        `yaml:"tls_cert" env:"TLS_CERT" flag:"tls-cert" doc:"PEM file with the server's certificate chain; needs tls_key"`
	TLSKey          string        `yaml:"tls_key" env:"TLS_KEY" flag:"tls-key" doc:"PEM file with the certificate's private key"`
	TrustedProxies  []string      `yaml:"trusted_proxies" env:"TRUSTED_PROXIES" doc:"addresses or ranges whose X-Forwarded-For is believed"`
	AllowedHosts    []string      `yaml:"allowed_hosts" env:"ALLOWED_HOSTS" doc:"further host names to answer for, beside those of public_url and listen"`
	KeyPrefix       string        `yaml:"key_prefix" env:"KEY_PREFIX" doc:"word that new API keys begin with; ends with an underscore"`
	AllowQueryKey   bool          `yaml:"allow_query_key" env:"ALLOW_QUERY_KEY" doc:"also take the key from ?api_key=, where logs of others may see it"`
	FirstKeyFile    string        `yaml:"first_key_file" env:"FIRST_KEY_FILE" flag:"first-key-file" doc:"file (mode 0600) for the first key instead of standard output"`
	QueryDeadline   time.Duration `yaml:"query_deadline" env:"QUERY_DEADLINE" doc:"longest time that one query may take before it is answered 503"`
	ShutdownGrace   time.Duration `yaml:"shutdown_grace" env:"SHUTDOWN_GRACE" doc:"time that requests in flight have to finish when the server stops"`
	WarningLists    string        `yaml:"warning_lists" env:"WARNING_LISTS" flag:"warning-lists" doc:"folder of MISP warning lists to judge by, beside our own short ones; empty is none"`
	Feeds           Feeds         `yaml:"feeds" envPrefix:"FEEDS_"`
	Retention       Retention     `yaml:"retention" envPrefix:"RETENTION_"`
	Search          Search        `yaml:"search" envPrefix:"SEARCH_"`
	Log             Log           `yaml:"log" envPrefix:"LOG_"`
	Tiers           Tiers         `yaml:"tiers" envPrefix:"TIERS_"`
}

// Feeds says which feeds spoor serve runs, and how it reads them.
type Feeds struct {
	Enabled    bool     `yaml:"enabled" env:"ENABLED" flag:"feeds" doc:"run feeds in spoor serve: those of the feeds file, and of the catalogue"`
	Catalogue  bool     `yaml:"catalogue" env:"CATALOGUE" doc:"run the built-in catalogue of public feeds too"`
	File       string   `yaml:"file" env:"FILE" flag:"feeds-file" doc:"feeds file; empty is feeds.yaml in the data folder"`
	Root       string   `yaml:"root" env:"ROOT" flag:"feeds-root" doc:"folder that feeds with a file:// address have to lie in; empty allows none"`
	AllowHosts []string `yaml:"allow_hosts" env:"ALLOW_HOSTS" doc:"hosts, addresses or ranges of private networks that feeds may be fetched from"`
	UserAgent  string   `yaml:"user_agent" env:"USER_AGENT" doc:"how spoor names itself to publishers; empty is its name, version and project"`
	Parallel   int      `yaml:"parallel" env:"PARALLEL" doc:"feeds that run at once; 0 is a sane number"`
}

// Retention says what is let go of, and when: nothing, unless it says so.
type Retention struct {
	Records      []string `yaml:"records" env:"RECORDS" doc:"when records that no source names any more are deleted: TYPE=AGE, feed:NAME=AGE, feed:NAME/TYPE=AGE or all=AGE, where AGE is 90d, 12h or never; what is not named is kept"`
	LapsedDays   int      `yaml:"lapsed_days" env:"LAPSED_DAYS" doc:"days that a record is kept after the time until which its source vouched for it; 0 is for ever"`
	ArticlesDays int      `yaml:"articles_days" env:"ARTICLES_DAYS" doc:"days after which an article that nothing was heard of is archived; 0 is never"`
	RunsDays     int      `yaml:"runs_days" env:"RUNS_DAYS" doc:"days that the history of runs is kept; 0 is for ever"`
}

// Search is what the search endpoint does when a request does not say.
type Search struct {
	DefaultView string `yaml:"default_view" env:"DEFAULT_VIEW" doc:"shape of an answer when a request names none" oneof:"detail,list"`
}

// Log says how the program reports on itself, on standard error.
type Log struct {
	Format string `yaml:"format" env:"FORMAT" flag:"log-format" doc:"form of log lines; auto is text on a terminal and json elsewhere" oneof:"auto,text,json"`
	Level  string `yaml:"level" env:"LEVEL" flag:"log-level" doc:"least serious log lines to write" oneof:"debug,info,warn,error"`
}

// Tiers are the limits of the kinds of keys (contract section 1.2).
type Tiers struct {
	Free  Tier `yaml:"free" envPrefix:"FREE_"`
	Pro   Tier `yaml:"pro" envPrefix:"PRO_"`
	Local Tier `yaml:"local" envPrefix:"LOCAL_"`
}

// Tier is what one kind of key may do; 0 means no limit.
type Tier struct {
	RequestsPerMinute   int `yaml:"requests_per_minute" env:"REQUESTS_PER_MINUTE" doc:"requests in any minute; 0 is no limit"`
	RequestsPerDay      int `yaml:"requests_per_day" env:"REQUESTS_PER_DAY" doc:"requests in any day; 0 is no limit"`
	MaxRows             int `yaml:"max_rows" env:"MAX_ROWS" doc:"rows of one answer; 0 is no limit"`
	MaxLookupValues     int `yaml:"max_lookup_values" env:"MAX_LOOKUP_VALUES" doc:"values of one bulk look-up; 0 is no limit"`
	LookbackIOCDays     int `yaml:"lookback_ioc_days" env:"LOOKBACK_IOC_DAYS" doc:"days that lists and exports reach back; 0 is no limit"`
	LookbackArticleDays int `yaml:"lookback_article_days" env:"LOOKBACK_ARTICLE_DAYS" doc:"days that article lists reach back; 0 is no limit"`
	MaxKeysPerAccount   int `yaml:"max_keys_per_account" env:"MAX_KEYS_PER_ACCOUNT" doc:"keys that an account may hold; 0 is no limit"`
}

// Defaults returns the configuration without any source. Data is left empty:
// it depends on the environment, and Load fills it in.
func Defaults() Config {
	return Config{
		ReadStoreMaxLag: 5 * time.Second,
		Listen:          "127.0.0.1:8080",
		SourceName:      "SOC Defenders",
		KeyPrefix:       "sk_live_",
		QueryDeadline:   5 * time.Second,
		ShutdownGrace:   10 * time.Second,
		Feeds:           Feeds{Enabled: true, Catalogue: true},
		Retention:       Retention{RunsDays: 90},
		Search:          Search{DefaultView: "detail"},
		Log:             Log{Format: "auto", Level: "info"},
		Tiers: Tiers{
			Free: Tier{
				RequestsPerMinute: 10, RequestsPerDay: 1_000, MaxRows: 100, MaxLookupValues: 100,
				LookbackIOCDays: 1, LookbackArticleDays: 7, MaxKeysPerAccount: 3,
			},
			Pro: Tier{
				RequestsPerMinute: 1_000, RequestsPerDay: 1_000_000, MaxRows: 10_000, MaxLookupValues: 10_000,
				LookbackIOCDays: 365, LookbackArticleDays: 365, MaxKeysPerAccount: 50,
			},
			Local: Tier{MaxLookupValues: 100_000},
		},
	}
}
