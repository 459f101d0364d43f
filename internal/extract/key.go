package extract

import "strings"

// keyBefore is the key of settings whose value position i begins or stands in:
// "host = ", "c2_1=", `"fallback": "`; empty without one.
func (s *scanner) keyBefore(i int) string {
	const reach = 128
	left := s.text[max(s.place.start, i-reach):i]
	s.steps += len(left)
	k := len(left) - 1
	for ; k >= 0; k-- {
		if left[k] == '=' && !strings.ContainsAny(left[k:], "?&") {
			break
		}
		if left[k] == ':' && (k+1 == len(left) || strings.IndexByte(" \t\"'", left[k+1]) >= 0) {
			break
		}
	}
	if k < 0 || foldPrefix(strings.TrimLeft(left, " \t>"), "host:") {
		return "" // Host: of a request is as often the victim's
	}
	key := strings.TrimRight(left[:k], " \t\"'`:]")
	return strings.TrimLeft(key[strings.LastIndexAny(key, " \t\"'`{,;|(")+1:], "$")
}

// setting says whether the key before position i names a server of the
// attacker's: no is a key that names somebody else's. Only texts about malware
// have settings that are meant.
func (s *scanner) setting(i int) answer {
	if s.place.kind == cell {
		return unasked
	}
	key := s.keyBefore(i)
	if key == "" {
		return unasked
	}
	how := namesServer(key)
	if how == yes && !s.doc.authorDefangs() && !s.doc.speaksOfMalice() {
		return unasked
	}
	return how
}

// namesServer looks at the words of a key: c2_url, Settings.Host, BASE.
func namesServer(key string) answer {
	const longest = 40
	found := unasked
	if len(key) > longest {
		return found
	}
	for w := range strings.FieldsFuncSeq(key, func(r rune) bool { return r == '_' || r == '-' || r == '.' || r == '$' }) {
		if otherKeys.has(w) {
			return no
		}
		if serverKeys.has(w) || serverKeys.has(strings.TrimRight(w, "0123456789")) {
			found = yes
		}
	}
	return found
}

// isSecret says that what stands around hex digits text[i:j] calls them
// something that is no digest of a sample: a column or a title about keys, a
// commit, what a download has to match, the hash of a password.
func (s *scanner) isSecret(i, j int) bool {
	p := &s.place
	if p.kind == cell {
		if p.column(s.text, i) == secretColumn {
			return true
		}
		if first := p.firstCell(s.text, i); p.columns.count == 2 && hasWord(first, secretWords) && digestsIn(first) == 0 {
			return true
		}
	} else if p.kind != paragraph && s.underKeys() {
		return true
	}
	if p.download || s.ofPassword(j) {
		return true
	}
	const reach = 128
	left := s.text[max(p.began, p.start-reach, i-reach, 0):i]
	s.steps += len(left)
	return p.kind != cell && p.kind != bare && s.isChecked(left, j-i)
}

// ofPassword says that the words behind position j, up to the end of the cell
// or sentence, speak of a password.
func (s *scanner) ofPassword(j int) bool {
	const reach = 48
	right := s.text[j:min(s.end, j+reach)]
	if strings.IndexByte(right, ' ') < 0 {
		return false
	}
	s.steps += len(right)
	if k := cellMarks.first(right); k >= 0 && s.place.kind == cell {
		right = right[:k]
	}
	if k := strings.Index(right, ". "); k >= 0 {
		right = right[:k]
	}
	return hasWord(right, passwordWords)
}

// isChecked reads the part of a sentence before hex digits: "the commit that
// removed it is …", "the installer's checksum has to be …".
func (s *scanner) isChecked(left string, digits int) bool {
	const sha1 = 40
	sum, must, bad, last := false, false, false, ""
	for w := range strings.FieldsFuncSeq(left, notWordFold) {
		switch {
		case digits == sha1 && (strings.EqualFold(w, "commit") || strings.EqualFold(w, "commits")):
			return true
		case sumWords.has(w):
			sum = true
		case mustWords.has(w), last == "has" && w == "to":
			must = true
		case strings.EqualFold(w, "own") && strings.EqualFold(last, "our"):
			must = true
		case maliceWords.has(w):
			bad = true
		}
		last = w
	}
	return sum && must && !bad
}

// fetched says that a command before position i, in its line, loads what stands
// there, in a text about malware.
func (s *scanner) fetched(i int) bool {
	const reach = 64
	left := s.text[max(s.place.start, i-reach):i]
	s.steps += len(left)
	return hasWord(left, fetchWords) && (s.doc.authorDefangs() || s.doc.speaksOfMalice())
}

// underKeys says that the nearest title is about keys and not about files.
func (s *scanner) underKeys() bool {
	t := &s.place.titles
	if t.keysKnown != unasked {
		return t.keysKnown == yes
	}
	title := t.heading
	if t.caption != "" {
		title = t.caption
	}
	if t.intro != "" {
		title = t.intro
	}
	t.keysKnown = no
	if title != "" && hasWord(title, keyTitles) && digestsIn(title) == 0 && !hasWord(title, fileTitles) {
		t.keysKnown = yes
	}
	return t.keysKnown == yes
}

// endsAsKey says that the name of a setting ends in a word for what is secret:
// EncryptionKey.
func endsAsKey(word string) bool {
	const longest = 40
	if len(word) > longest {
		return false
	}
	word = strings.ToLower(word)
	for _, end := range [...]string{"key", "salt", "nonce", "token", "password"} {
		if strings.HasSuffix(word, end) && !strings.HasSuffix(word, "regkey") {
			return true
		}
	}
	return false
}

// installs says that the current line stands in a code block that sets
// something up: nothing that it names is the attacker's.
func (p *place) installs() bool {
	if p.fence == "" {
		return false
	}
	if p.howto == unasked {
		p.howto = no
		if hasWord(p.titles.intro, howtoWords) {
			p.howto = yes
			return true
		}
		const most = 2048
		block := p.text[p.opened:min(len(p.text), p.opened+most)]
		if k := strings.Index(block, "\n"+p.fence); k >= 0 {
			block = block[:k]
		}
		p.steps += len(block)
		if strings.Contains(block, "install") && containsAny(block, "apt-get install", "apt install", "yum install", "dnf install",
			"brew install", "pip install", "pip3 install", "npm install", "cargo install", "go install") ||
			containsAny(block, "git clone", "docker pull", "gpg --dearmor", "gpg --import", "apt-key add", "rpm --import", "add-apt-repository") {
			p.howto = yes
		}
	}
	return p.howto == yes
}

func containsAny(s string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}
