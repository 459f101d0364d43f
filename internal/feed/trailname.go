package feed

import (
	"path"
	"strings"
)

// trailPlatforms are the prefixes of a trail's file name that name a platform
// and not the malware.
//
//nolint:gochecknoglobals // read-only
var trailPlatforms = []string{"android", "elf", "osx", "ios"}

// trailKinds are the prefixes that say what the file's indicators are, where
// the rest of the name is no malware family (a sinkhole's owner, the victim of
// a supply-chain attack, an advertising scheme).
//
//nolint:gochecknoglobals // read-only
var trailKinds = []string{"sinkhole", "hacked", "generic", "bad", "ek", "free", "mass_scanner"}

// trailFrameworks are the control frameworks in malicious/ whose names do not
// say so: what runs there is known by that name, as a family is.
//
//nolint:gochecknoglobals // read-only
var trailFrameworks = []string{"brc4", "covenant", "havoc", "metasploit", "mythic", "nighthawk", "nimplant", "sliver"}

// trailSuffixes are the words at the end of a name that say what sort of
// malware it is. Alone they name no family.
//
//nolint:gochecknoglobals // read-only
var trailSuffixes = []string{"ransomware", "miner", "coinminer", "stealer", "backdoor", "rat", "injector", "tds", "pua", "c2"}

// trailName reads the tags and families that a trail file's name stands for:
//
//	malware/emotet.txt            family emotet
//	malware/apt_apt28.txt         family apt28, tag apt
//	malware/android_x.txt         family x, tag android
//	malware/red_ransomware.txt    family red-ransomware, tag ransomware
//	malware/generic_stealer.txt   tags generic, generic-stealer
//	malware/sinkhole_abuse.txt    tags sinkhole, sinkhole-abuse
//	malicious/adaptix_c2.txt      family adaptix, tag c2
//	malicious/sliver.txt          family sliver
//	malicious/bad_proxy.txt       tags bad-proxy, malicious
//	suspicious/port_proxy.txt     tags port-proxy, suspicious
//	mass_scanner.txt              tags mass-scanner
//
// A name without its folder counts as malware, the folder of nineteen files in
// twenty, unless one of the prefixes says otherwise.
func trailName(name string) (tags, families []string) {
	dir, file := path.Split(strings.ToLower(strings.ReplaceAll(name, `\`, "/")))
	folder := path.Base(dir)
	file = cutContinuation(strings.TrimSuffix(file, ".txt"))
	if slug(file) == "" || file == "-" {
		return nil, nil
	}
	if kind := trailKind(file); kind != "" {
		tags = addTags(nil, strings.ReplaceAll(file, "_", " "))
		if kind == "sinkhole" || kind == "hacked" || kind == "generic" {
			tags = addTags(tags, kind)
		}
		return addFolder(tags, folder), nil
	}
	rest, tags := cutPlatform(file)
	suffix := trailSuffix(rest)
	tags = addTags(tags, suffix)
	if rest == suffix || rest == "generic" || folder == "suspicious" || folder == "malicious" && suffix != "c2" && !contains(trailFrameworks, rest) {
		return addFolder(addTags(tags, strings.ReplaceAll(file, "_", " ")), folder), nil
	}
	if suffix == "c2" {
		rest = strings.TrimSuffix(rest, "_c2")
	}
	if strings.Trim(rest, "0123456789") == "" {
		rest = file // "apt_23": a number alone names nobody
	}
	return tags, addTags(nil, family(strings.ReplaceAll(rest, "_", " ")))
}

// addFolder tags what is less than malware with how the project files it.
func addFolder(tags []string, folder string) []string {
	if folder == "suspicious" || folder == "malicious" {
		return addTags(tags, folder)
	}
	return tags
}

// cutContinuation drops the number of a file that continues another one
// ("cobaltstrike-2").
func cutContinuation(file string) string {
	if i := len(file) - 2; i > 0 && file[i] == '-' && file[i+1] >= '1' && file[i+1] <= '9' {
		return file[:i]
	}
	return file
}

// trailKind returns the entry of trailKinds that the name begins with, else "".
func trailKind(file string) string {
	for _, kind := range trailKinds {
		if rest, ok := strings.CutPrefix(file, kind); ok && (rest == "" || rest[0] == '_') {
			return kind
		}
	}
	return ""
}

// cutPlatform takes the platform, or "apt", off the front of a name.
func cutPlatform(file string) (rest string, tags []string) {
	if actor, ok := strings.CutPrefix(file, "apt_"); ok {
		return actor, []string{"apt"}
	}
	for _, platform := range trailPlatforms {
		if rest, ok := strings.CutPrefix(file, platform+"_"); ok {
			return rest, []string{platform}
		}
	}
	return file, nil
}

// trailSuffix returns the sort of malware at the end of a name, else "". The
// control servers' "c2" is also written without its underscore.
func trailSuffix(rest string) string {
	for _, suffix := range trailSuffixes {
		if rest == suffix || strings.HasSuffix(rest, "_"+suffix) {
			return suffix
		}
	}
	if strings.HasSuffix(rest, "c2") && len(rest) > len("c2") {
		return "c2"
	}
	return ""
}
