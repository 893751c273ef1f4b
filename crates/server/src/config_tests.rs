use super::*;

fn from_flags(flags: &[(&'static str, &str)]) -> Result<Config, ConfigError> {
    Config::from_values(&Values::with_flags(flags.iter().map(|(name, text)| (*name, (*text).to_owned()))))
}

fn from_file(text: &str) -> Result<Config, ConfigError> {
    Config::from_values(&Values::default().and_file(Path::new("claviger.toml"), text)?)
}

fn from_variables(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Config::from_values(&Values::default().and_variables(variables)?)
}

#[test]
fn defaults_are_a_service_on_loopback() {
    let config = from_flags(&[]).expect("the defaults");
    assert_eq!(config.listen.to_string(), "127.0.0.1:7400");
    assert_eq!(config.authz_listen.to_string(), "127.0.0.1:7401");
    assert_eq!(config.data_dir, Path::new("data"));
    assert_eq!(config.organization.as_str(), "Root");
    assert_eq!(config.base_url(config.listen), "http://127.0.0.1:7400");
}

#[test]
fn a_flag_beats_a_variable_and_a_variable_beats_the_file() {
    let flags = Values::with_flags([("organization", "Flag".to_owned())]);
    let variables = [("CLAVIGER_ORGANIZATION", "Variable"), ("CLAVIGER_LOG_FORMAT", "json"), ("PATH", "x")];
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let values = flags.and_variables(variables).expect("settings");
    let file = "organization = 'File'\nlog_format = 'text'\nauthz_workers = 3\ntrusted_proxies = ['10.0.0.0/8', '::1']";
    let values = values.and_file(Path::new("claviger.toml"), file).expect("settings");
    let config = Config::from_values(&values).expect("a configuration");
    assert_eq!(config.organization.as_str(), "Flag");
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.authz_workers.get(), 3);
    assert_eq!(config.trusted_proxies.expect("networks").to_string(), "10.0.0.0/8, ::1/128");
}

#[test]
fn webhooks_go_to_private_networks_only_where_these_are_named() {
    assert_eq!(from_flags(&[]).expect("the defaults").webhook_allow_networks, None);
    for config in [
        from_flags(&[("webhook_allow_networks", "10.1.0.0/16, ::1")]),
        from_variables(&[("CLAVIGER_WEBHOOK_ALLOW_NETWORKS", "10.1.0.0/16,::1")]),
        from_file("webhook_allow_networks = ['10.1.0.0/16', '::1']"),
    ] {
        let allowed = config.expect("a configuration").webhook_allow_networks.expect("networks");
        assert_eq!(allowed.to_string(), "10.1.0.0/16, ::1/128");
    }
    let error = from_flags(&[("webhook_allow_networks", "everything")]).expect_err("no network").to_string();
    assert!(error.starts_with("--webhook-allow-networks is `everything`: "), "{error}");
}

#[test]
fn alerts_of_github_are_taken_only_where_somebody_says_so() {
    let list = |given: &str| {
        from_flags(&[("github_alerts", given)]).map(|it| it.github_alerts.map(|it| it.as_str().to_owned()))
    };
    assert_eq!(from_flags(&[]).expect("the defaults").github_alerts, None);
    assert_eq!(list("off"), Ok(None));
    assert_eq!(list("on"), Ok(Some("https://api.github.com/meta/public_keys/secret_scanning".to_owned())));
    assert_eq!(list("https://keys.example.com/list"), Ok(Some("https://keys.example.com/list".to_owned())));
    let error = list("yes").expect_err("no address").to_string();
    assert!(
        error.starts_with("--github-alerts is `yes`: ") && error.ends_with("write `on`, `off` or an address"),
        "{error}"
    );
}

#[test]
fn a_server_starts_where_its_clients_have_their_variables() {
    for variable in ["CLAVIGER_KEY", "CLAVIGER_URL"] {
        assert!(from_variables(&[(variable, "http://127.0.0.1:7400")]).is_ok(), "{variable}");
    }
    assert!(from_variables(&[("CLAVIGER_URI", "x")]).is_err());
}

#[test]
fn rates_are_read_from_every_source_and_can_be_switched_off() {
    let config = from_flags(&[("api_rate", "100/10s"), ("verify_rate", "5000/1s")]).expect("a configuration");
    assert_eq!(config.api_rate.expect("a rate").to_string(), "100/10s");
    assert_eq!(config.verify_rate.expect("a rate").to_string(), "5000/1s");
    let defaults = from_flags(&[]).expect("the defaults");
    assert_eq!((defaults.api_rate.expect("a rate").to_string().as_str(), defaults.verify_rate), ("6000/60s", None));
    assert_eq!(from_variables(&[("CLAVIGER_API_RATE", "off")]).expect("a configuration").api_rate, None);
    assert_eq!(from_file("api_rate = 'off'").expect("a configuration").api_rate, None);
}

#[test]
fn a_tls_proxy_in_front_lets_the_console_listen_anywhere() {
    let config = from_flags(&[("listen", "0.0.0.0:80"), ("public_url", "https://keys.example.com/")]);
    let config = config.expect("a configuration");
    assert_eq!(config.base_url(config.listen), "https://keys.example.com");
}

/// Every way to be wrong that people found, and what the one line has to name.
#[test]
fn wrong_configuration_is_refused_with_one_line_that_names_the_setting() {
    let folder = tempfile_folder();
    let file = folder.join("a-file");
    std::fs::write(&file, "x").expect("a file");
    let file = file.to_str().expect("a path in UTF-8");
    let flags: &[(&[(&'static str, &str)], &str)] = &[
        (&[("listen", "")], "--listen"),
        (&[("listen", "7400")], "--listen"),
        (&[("listen", "127.0.0.1")], "--listen"),
        (&[("listen", "127.0.0.1:99999")], "--listen"),
        (&[("listen", "example.com:80")], "--listen"),
        (&[("listen", "::1:7400")], "--listen"),
        (&[("listen", "http://127.0.0.1:7400")], "--listen"),
        (&[("listen", "0.0.0.0:7400")], "--public-url"),
        (&[("listen", "[::]:7400")], "--public-url"),
        (&[("listen", "192.0.2.1:7400"), ("public_url", "http://127.0.0.1")], "--listen"),
        (&[("authz_listen", "nowhere")], "--authz-listen"),
        (&[("authz_listen", "127.0.0.1:7400")], "--authz-listen"),
        (&[("authz_workers", "0")], "--authz-workers"),
        (&[("authz_workers", "-1")], "--authz-workers"),
        (&[("authz_workers", "1e9")], "--authz-workers"),
        (&[("authz_workers", "257")], "--authz-workers"),
        (&[("data_dir", "")], "--data-dir"),
        (&[("data_dir", file)], "--data-dir"),
        (&[("organization", "")], "--organization"),
        (&[("organization", "a\u{202E}b")], "--organization"),
        (
            &[("organization", "0123456789012345678901234567890123456789012345678901234567890123456789012345678901")],
            "80",
        ),
        (&[("public_url", "keys.example.com")], "--public-url"),
        (&[("public_url", "ftp://keys.example.com")], "--public-url"),
        (&[("public_url", "https://keys.example.com/console")], "--public-url"),
        (&[("public_url", "https://me:secret@keys.example.com")], "--public-url"),
        (&[("public_url", "https://")], "--public-url"),
        (&[("public_url", "http://keys.example.com")], "https://"),
        (&[("trusted_proxies", "10.0.0.0/33")], "--trusted-proxies"),
        (&[("trusted_proxies", "10.0.0.1, proxy.example.com")], "--trusted-proxies"),
        (&[("api_rate", "100")], "--api-rate"),
        (&[("api_rate", "0/10s")], "100/10s"),
        (&[("verify_rate", "fast")], "or off"),
        (&[("log", "")], "--log"),
        (&[("log", "claviger=loud")], "--log"),
        (&[("log_format", "xml")], "--log-format"),
    ];
    let files: &[(&str, &str)] = &[
        ("listen = ", "line 1"),
        ("listen", "line 1"),
        ("\n\nlisten = '127.0.0.1:1'\nlisten = '127.0.0.1:2'", "line 4"),
        ("lisen = '127.0.0.1:7400'", "did you mean listen?"),
        ("colour = 'red'", "there are listen, authz_listen"),
        ("[listen]\nport = 7400", "listen is table"),
        ("listen = 7400", "IP address and a port"),
        ("organization = true", "organization is boolean"),
        ("authz_workers = 2.5", "authz_workers is float"),
        ("trusted_proxies = [1, 2]", "trusted_proxies is array"),
        ("log_format = 'xml'", "claviger.toml: log_format is `xml`"),
    ];
    let variables: &[(&str, &str, &str)] = &[
        ("CLAVIGER_LISTEN", "x", "CLAVIGER_LISTEN is `x`"),
        ("CLAVIGER_LISTNE", "127.0.0.1:7400", "did you mean CLAVIGER_LISTEN?"),
        ("CLAVIGER_DATADIR", "data", "did you mean CLAVIGER_DATA_DIR?"),
        ("CLAVIGER_LOG_FORMAT", "yaml", "write text or json"),
    ];
    let refused = flags.iter().map(|(flags, part)| (from_flags(flags), *part));
    let refused = refused.chain(files.iter().map(|(text, part)| (from_file(text), *part)));
    let refused = refused.chain(variables.iter().map(|(name, value, part)| (from_variables(&[(name, value)]), *part)));
    let mut count = 0;
    for (result, part) in refused {
        let line = result.expect_err(part).to_string();
        assert!(line.contains(part), "`{line}` does not name `{part}`");
        assert!(!line.contains('\n') && line.len() < 300, "`{line}` is not one line");
        count += 1;
    }
    assert!(count >= 30, "{count}");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

fn tempfile_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("claviger-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
