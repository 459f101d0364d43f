package extract

import "strings"

// words is a read-only set of lower-case words.
type words struct {
	set map[string]struct{}
	// lengths has, by first letter, a bit for the length of every word: most
	// words that are looked up are told from it alone.
	lengths [32]uint64
}

// longestWord is the most bytes of a word in a set.
const longestWord = 40

func wordSet(list string) *words {
	w := &words{set: map[string]struct{}{}}
	for word := range strings.FieldsSeq(list) {
		w.add(word)
	}
	return w
}

func (w *words) add(word string) {
	w.set[word] = struct{}{}
	w.lengths[word[0]&31] |= 1 << len(word)
}

// has looks word up in any ASCII case, without allocating.
func (w *words) has(word string) bool {
	if word == "" || len(word) > longestWord || w.lengths[word[0]&31]>>len(word)&1 == 0 {
		return false
	}
	var buf [longestWord]byte
	for i := range len(word) {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	_, ok := w.set[string(buf[:len(word)])]
	return ok
}

// The tables of judgement. They are vocabulary, gathered by reading reports;
// each has its reason beside it.
//
//nolint:gochecknoglobals,misspell // read-only tables, with words of other languages
var (
	// fileSuffixes are public suffixes that are better known as file
	// extensions. A live name under one is a file unless it fills an entry of
	// a list of network indicators.
	fileSuffixes = wordSet(`zip mov py sh rs pl pm md so ps cab app`)

	// fileEndings are extensions that are no public suffix: analysts defang
	// file names too.
	fileEndings = wordSet(`exe dll sys scr bat cmd vbs vbe js jse ps1 psm1 hta lnk msi doc docx docm xls xlsx xlsm
		ppt pptx pdf rtf txt jar apk ipa dmg pkg php asp aspx jsp html htm xhtml css png jpg jpeg gif bmp ico svg
		dat bin tmp log ini cfg conf xml json yml yaml csv rar 7z gz tar iso img vhd chm ocx cpl drv elf ko class
		c h cpp cs vb go java rb lua sql db bak dylib plist yar yara tlb nls wsf sct inf reg url eml`)

	// otherRoots are reserved for documentation and tests (RFC 2606) or
	// resolve outside of the public root (RFC 7686 has onion; the rest are
	// Namecoin's, I2P's and EmerDNS's, which malware uses).
	otherRoots = wordSet(`example test onion i2p bit bazar coin emc`)

	// products are names of products that are also well-formed host names.
	products = wordSet(`asp.net vb.net ado.net ml.net paint.net socket.io node.js draw.io monday.com`)

	// packageRoots begin names of Java and Android packages.
	packageRoots = wordSet(`com org net io edu gov java javax jakarta kotlin android androidx dalvik sun`)

	// codeWords begin member expressions, file-like names and detections.
	codeWords = wordSet(`this self window document console process module exports os sys math req res args
		trojan backdoor worm exploit heur virus ransom win32 win64 hacktool adware riskware pua pup downloader
		dropper trojandownloader trojandropper trojanspy msil generic gen behaveslike`)

	// htmlTags may stand right behind a URL in Markdown.
	htmlTags = wordSet(`br br/ p wbr b i u s li ul ol td tr th a em tt hr hr/ div span code pre strong table`)

	// readWords in a line that ends in a colon announce something to read.
	readWords = wordSet(`available article articles blog blogs blogpost blogposts report paper papers whitepaper
		publication publications published documentation read presentation slides advisory repository further`)

	// goesOnWords end no line that is complete.
	goesOnWords = wordSet(`a an the at on in from to of for is are was and or with by via see`)

	// linkNames are attributes and fields whose value is a reference.
	linkNames = wordSet(`href src reference references ref source author blog report link`)

	// phraseWords stand before "dot" in English.
	phraseWords = wordSet(`the a an this that each every one first second last red black green blue white little
		big small single and or of in to with polka dots dot`)

	// versionWords announce a version or section number.
	versionWords = wordSet(`version versions ver v vers release releases build builds firmware revision rev
		section sections chapter chapters paragraph figure table appendix clause step item oid update sp patch
		hotfix driver agent client chrome firefox safari opera edge chromium openssh openssl java jre jdk python
		php mysql nginx apache httpd tomcat iis lighttpd haproxy fileversion productversion v.`)

	// addressWords call what follows an address.
	addressWords = wordSet(`ip ips ipv4 address addresses server servers dns resolver resolvers host hosts c2 c2s c&c
		src dst source destination sip dip connects connected traffic ping gateway proxy nameserver`)

	// boundWords stand before one end of a range of versions, or before the
	// number of a section.
	boundWords = wordSet(`before prior through until than below in see per under`)

	// keyWords announce hex digits that are no digest of a file.
	keyWords = wordSet(`key keys serial guid uuid clsid commit commits revision nonce salt iv modulus token apikey
		mutex mutant event pipe imphash rich ssdeep tlsh vhash pehash authentihash password passwd
		transaction transactions tx txid wallet block ntlm nthash
		session cookie clientid client_id build-id buildid seed xor rc4 aes des rsa hwid`)

	// analysis are services with a page for a sample, an address or a name:
	// what the page is about is in its path, and the page is no indicator.
	analysis = wordSet(`virustotal.com any.run hybrid-analysis.com joesandbox.com tria.ge urlscan.io shodan.io censys.io
		bazaar.abuse.ch threatfox.abuse.ch urlhaus.abuse.ch yaraify.abuse.ch malshare.com virusshare.com
		otx.alienvault.com abuseipdb.com greynoise.io intezer.com opswat.com filescan.io vmray.com polyswarm.network
		malpedia.caad.fkie.fraunhofer.de robtex.com securitytrails.com domaintools.com threatbook.io threatbook.cn
		nvd.nist.gov attack.mitre.org cve.org cve.mitre.org exploit-db.com`)

	// addressSteps stand before an address or a name in the path of a page
	// about it.
	addressSteps = wordSet(`ip ip-address ip-addresses ipv4 addr address host hosts hostname hostnames domain domains
		site check lookup whois query`)

	// sourceSteps stand in paths to files kept under version control.
	sourceSteps = wordSet(`commit commits blob tree raw compare patch rev revision gist gists`)

	// platforms carry both reports and abuse: a live link to one is an
	// indicator only as an entry of a list of network indicators.
	platforms = wordSet(`github.com github.io githubusercontent.com gitlab.com bitbucket.org twitter.com x.com t.co
		medium.com linkedin.com youtube.com youtu.be facebook.com instagram.com reddit.com telegram.org t.me
		discord.com discordapp.com slack.com pastebin.com google.com googleapis.com goo.gl bit.ly apple.com
		amazonaws.com dropbox.com blogspot.com wordpress.com mozilla.org mozilla.com gmail.com outlook.com`)

	// nameWords stand before the name of something that is no host.
	nameWords = wordSet(`named called dubbed file files filename process service mutex module function class method
		library package script binary executable component
		drops dropped drop writes wrote creates created executes executed runs ran launches launched saves saved copies
		copied renames renamed`)

	// roleNames are mailboxes of an office: live, they are whom to ask.
	roleNames = wordSet(`info press media contact support security soc cert csirt abuse privacy legal sales office
		threatintel threat-intel research hello help team feedback tips ir incident noc webmaster postmaster psirt
		marketing pr editor newsroom`)

	// badWords in a sentence say that a live name in it is part of an attack.
	badWords = wordSet(`c2 c2s c&c cnc c2-server c&c-server command-and-control malicious malware phishing phish
		payload payloads exfiltrate exfiltrates exfiltrated exfiltrating exfiltration beacon beacons beaconed
		beaconing connects connected connecting contacts contacted contacting downloads downloaded downloading
		drops dropped dropper hosted hosting hosts resolves resolved resolving infrastructure attacker attackers
		attacker-controlled adversary adversaries actor actors callback callbacks backdoor implant stager loader
		trojan botnet ransomware ioc iocs indicator indicators communicates communicated communicating redirects
		redirected redirecting typosquatted typosquatting impersonates impersonated impersonating spoofed spoofing
		lookalike registered sinkholed compromised exploit skimmer spam spammed retrieves retrieved fetches
		fetched requests requested sends sent posts posted server servers domain domains
		ransom victims extortion extorted nslookup dig ping curl wget
		connect connection connections talks talked calls called resolve beaconed visited flagged blocked suspicious`)

	// maliceWords are in every report about malware or an attack.
	maliceWords = wordSet(`malware malicious c2 c2s c&c cnc phishing phish ioc iocs indicator indicators ransomware trojan
		backdoor botnet stealer infostealer spyware stalkerware loader dropper implant payload exfiltrate exfiltrates
		exfiltrated exfiltration attacker attackers adversary adversaries compromised exploit exploited exploitation
		skimmer typosquat typosquats worm threat wiper rootkit webshell scam fraud hacked hackers intrusion beacon attackers
		schadsoftware maliciel malveillant malveillante malicioso maliciosa`)

	// isVerbs and ownWords: "192.0.2.1 is our resolver".
	isVerbs  = wordSet(`is are was were ist sind war est son es`)
	ownWords = wordSet(`our ours own us legitimate benign internal harmless victim customer company unser unsere notre nuestro nuestra`)

	// makers are those whose services every machine talks to.
	makers = wordSet(`microsoft google apple mozilla canonical`)

	// ownNouns stand behind "our".
	ownNouns = wordSet(`machine machines server servers portal resolver resolvers proxy proxies gateway network firewall
		sinkhole sandbox honeypot honeypots sensor sensors lab website site host hosts vpn dns mailserver scanner
		infrastructure environment`)

	// fromWords right before a mail address make it a sender's.
	fromWords = wordSet(`from z od von de da di от van fra från`)

	// mailKeys of settings are where what is stolen goes.
	mailKeys = wordSet(`email mail to mailto recipient recipients receiver user username login smtp smtp_user smtp_to
		email_to correo destinatario`)

	// dropKeys of settings lead to platforms on purpose.
	dropKeys = wordSet(`c2 c2s c&c fallback backup pastebin paste deaddrop dead_drop gate panel exfil telegram webhook discord`)

	// fetchWords are commands that load what stands behind them.
	fetchWords = wordSet(`curl wget iwr irm invoke-webrequest invoke-restmethod start-bitstransfer bitsadmin certutil mshta
		downloadstring downloadfile downloaddata regsvr32 msiexec tftp`)

	// howtoWords in a line that ends in a colon announce commands for the reader.
	howtoWords = wordSet(`clean-up cleanup remediation hardening setup set-up install installation decrypt decryptor build usage`)

	// sampleSteps stand before a digest in the path of a page about it.
	sampleSteps = wordSet(`file files sample samples hash hashes md5 report reports analysis submission submissions search`)

	// numberedTitles begin titles of tables and figures.
	numberedTitles = wordSet(`table figure tabelle abbildung tableau tabla tabela listing appendix annex`)

	// downloadLabels stand before what the publisher gives away, and its digests.
	downloadLabels = wordSet(`download downloads installer tarball`)

	// senderFields are fields of a mail's header that name who sent it.
	senderFields = wordSet(`from reply-to return-path sender envelope-from x-sender x-original-from mail-from smtp.mailfrom
		von absender de expéditeur remitente remetente od`)

	// senderWords before a mail address make it an attacker's.
	senderWords = wordSet(`sender senders spoofed registrant registrants registered maintainer maintainers publisher
		developer developers affiliate affiliates operator operators attacker attackers actor actors extortion ransom
		extort victim victims used exfil exfiltrates exfiltrated exfiltration smtp phishing phisher reply-to impersonating impersonated
		compromised mailbox mailboxes casella caselle compromesse postfächer cuentas contas
		absender expéditeur remitente remetente mittente отправитель отправителя registrado registrada registriert
		enregistré 발신자 发件人 差出人`)

	// askWords before a mail address make it whom to ask.
	askWords = wordSet(`write mail e-mail contact questions question reach subscribe subscribed job apply corrections
		feedback papers submissions call support press enquiries inquiries fragen kontakt contacto contato contact dudas
		dúvidas pytania вопросы sensitive`)

	// authorWords stand in the line of the author, near the top.
	authorWords = wordSet(`by author authors autor autorin auteur autore written contact kontakt contacto contato`)

	// phoneWords stand before a telephone number.
	phoneWords = wordSet(`tel tél telephone téléphone phone telefon teléfono telefone fax tlf mobile hotline`)

	// noteWords announce what an attacker wrote.
	noteWords = wordSet(`ransom ransomnote extortion extorsion erpresserbrief lösegeld rançon rescate resgate`)

	// serverKeys name a server in settings; otherKeys name somebody else's.
	serverKeys = wordSet(`c c2 c2s cc cnc c&c host hosts hostname server servers sni fqdn qname pastebin paste telegram webhook discord url urls uri endpoint endpoints callback exfil
		exfiltration fallback backup gate gateway panel drop beacon addr address domain domains ip relay base baseurl api
		upload download payload stage remote rhost connect pool painel servidor serveur hôte cmd`)
	otherKeys = wordSet(`check connectivity test repository repo author homepage bugs license licence ntp dns geo geoip schema
		docs logo icon referer referrer ua useragent proxy registry index victim local bind decoy`)

	// secretWords in the title of a column: what stands in it is no digest.
	secretWords = wordSet(`key keys password passwords salt nonce modulus token serial iv passphrase commit secret`)

	// keyTitles are those of them that a section is about.
	keyTitles = wordSet(`modulus salt nonce rc4 aes rsa xor ecdsa ed25519 chacha20 commit commits`)

	// passwordWords behind a digest say whose it is.
	passwordWords = wordSet(`password password's passwords passphrase passwort mot senha contraseña пароль`)

	// sumWords with mustWords tell what an honest file has to match.
	sumWords  = wordSet(`checksum checksums sha1 sha-1 sha256 sha-256 md5 digest hash sha256sum`)
	mustWords = wordSet(`must should verify validate expected match matches`)

	// sayWords stand behind the name of somebody who published something.
	sayWords = wordSet(`reports reported said says wrote writes told noted notes describes described published
		confirmed explains explained announced`)

	// referenceWords close before a live name say that it is one to read.
	referenceWords = wordSet(`real genuine see reported analysed analyzed covered detailed disclosed report reports blog blogpost article articles advisory advisories available
		published according reference references source sources courtesy documented described read more us
		please repository documentation legitimate official website homepage researchers whitepaper paper
		contact visit patch download-page learn thanks credit licence license`)
)

// under says whether host is one of the names in set or below one.
func (w *words) under(host string) bool {
	for {
		if w.has(host) {
			return true
		}
		i := strings.IndexByte(host, '.')
		if i < 0 {
			return false
		}
		host = host[i+1:]
	}
}

// Words of headings, captions and labels, by what they announce.
//
//nolint:gochecknoglobals,misspell // read-only tables, with words of other languages
var (
	networkTitles = wordSet(`ioc iocs indicator indicators c2 c2s c&c cnc network networks domain domains ip ips
		address addresses traffic url urls uri uris infrastructure server servers host hosts onion hostname hostnames
		dns callback callbacks webpages phishing
		domaine domaines adresse adresses serveur serveurs réseau indicateurs compromission domänen adressen netzwerk indikatoren
		kompromittierung dominio dominios direcciones servidores indicadores compromiso compromisso domínio domínios endereços rede
		adresy adresów domeny serwery wskaźniki indirizzi домены адреса серверы индикаторы Домены Адреса Серверы Индикаторы
		침해지표 도메인`)

	// strongTitles outweigh a word about files: "Network indicators and files".
	strongTitles = wordSet(`network domain domains url urls c2 c&c cnc infrastructure ip ips
		server servers`)

	fileTitles = wordSet(`file files filename filenames sample samples hash hashes host-based registry mutex mutexes
		path paths certificate certificates detection detections yara folders tasks task modules persistence
		dateien fichiers empreintes archivos muestras arquivos amostras pliki próbki файлы образцы Файлы Образцы
		md5 sha1 sha-1 sha256 sha-256 sha512 sha-512 sha`)

	referenceTitles = wordSet(`reference references reading sources source about contact contacts acknowledgements
		acknowledgments bibliography resources footnotes credits related links link author targeted
		referenzen quellen kontakt références Références referencias fuentes contacto referências fontes contato źródła
		ссылки источники контакты Ссылки Источники Контакты 참고 参考 whitelist allowlist benign disclaimer legal question questions press licence license changelog victims`)

	// otherTitles begin a part of a text about something else.
	otherTitles = wordSet(`notes note summary conclusion conclusions overview introduction background analysis
		mitigation mitigations recommendation recommendations remediation timeline impact attribution`)

	// targetTitles are those of referenceTitles that say whom an attack meets.
	targetTitles = wordSet(`targeted victims`)
)
