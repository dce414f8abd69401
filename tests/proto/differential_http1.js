// What Node says about many requests, responses and URLs: one line each for test_differential.c, which compares.
//   Q|S|U <message in hex> reject
//   Q|S|U <message in hex> accept <what was understood, in hex>
// The messages are generated from a fixed seed, so a difference can be looked at again.
'use strict';
process.removeAllListeners('warning');
process.on('warning', () => {});
const { HTTPParser, methods } = process.binding('http_parser');

let state = Number(process.argv[2] || 1);
function random(n) {                    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
}
const pick = (list) => list[random(list.length)];

function parse(kind, message) {
    const parser = new HTTPParser();
    let text = null, headers = [], body = '', trailers = [], complete = false, started = false;
    parser.initialize(kind === 'Q' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, 1 << 20, 0);
    parser[HTTPParser.kOnHeaders | 0] = (list) => {
        if (!complete) (started ? trailers : headers).push(...list);
    };
    parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, list, method, url, status, reason, upgrade, keepAlive) => {
        if (complete) return 0;         // only the first message counts, whatever follows it
        started = true;
        headers.push(...(list || []));
        text = kind === 'Q' ? `${methods[method]} ${url}` : `${status} ${reason}`;
        text += ` ${major}.${minor}${keepAlive ? ' keep-alive' : ''}\n`;
        return 0;
    };
    parser[HTTPParser.kOnBody | 0] = (bytes) => {
        if (!complete) body += bytes.toString('latin1');
    };
    parser[HTTPParser.kOnMessageComplete | 0] = () => { complete = true; };
    if (!(parser.execute(message) instanceof Error) && !complete) parser.finish();
    if (!complete) return null;
    for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\n`;
    text += `\n${body}\n`;
    for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\n`;
    return Buffer.from(text, 'latin1');
}

function parseUrl(text) {
    try {
        const url = new URL(text);
        if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
        const port = url.port || (url.protocol === 'http:' ? '80' : '443');
        return Buffer.from(`${url.protocol} ${url.hostname} ${port} ${url.pathname} ${url.search.slice(1)}`);
    } catch {
        return null;
    }
}

const requests = [
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /x?y=1 HTTP/1.1\r\nHost: a.example:80\r\nAccept: */*\r\nUser-Agent: x y/1.0\r\n\r\n',
    'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nT: v\r\n\r\n',
    'PUT /p HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1',
    'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    'HEAD http://b:8/x HTTP/1.1\r\nHost: a\r\n\r\n',
    'DELETE /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-A: 2\r\nX-Empty:\r\n\r\n',
];
const responses = [
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nServer: x\r\n\r\nall of it',
    'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n',
    'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n',
];
const urls = [
    'http://a/', 'https://user:pw@www.Example.com:8443/a/../b c?d=e&f#g', 'http://[2001:db8::1]:80/x', 'http://127.0.0.1?x',
    'http://a.b/%2e%2E/x/./y/..', 'http://a/\u00e4?\u20ac#\u00e4', 'HTTP://a:1/;p=1/,x', 'http://a.1.2.3/', 'https://x.-_.y/~a',
    "http://a/q?'\"<>`{}|^[]", 'http://1.2.3.4:65535//a//../b/', 'http://a!$&\'()*+,;=b/',
];
const bytes = [0, 1, 9, 10, 11, 12, 13, 32, 34, 35, 37, 43, 44, 45, 46, 47, 48, 49, 57, 58, 59, 61, 63, 64, 65, 91, 93, 95, 97,
    102, 103, 120, 123, 124, 127, 128, 160, 228, 255].map((byte) => String.fromCharCode(byte));
const strings = ['\r\n', '\r', '\n', '\r\n ', ' \r\n', ' :', '\t', 'chunked', ', chunked', 'chunked, ', 'identity', 'HTTP/1.0',
    'HTTP/1.1', 'Content-Length: 1\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b\r\n', '0x', '00', '+1', '-1', '"', ';', ';a',
    ';a="b"', '\r\n\r\n', '0\r\n\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Content-Length: 3\r\n', 'ffffffffffffffff'];
const urlStrings = ['..', '/../', '/./', '%2e', '%zz', '?', '#', '@', ':', '//', '\\', ':80', ':0', ':65536', '[', ']', '::', '0x', '.1',
    'a@b@', ' ', '\u00e4', '%', '|', '^', '"', "'", '`', '{', '<', '\t', '\n', '1', '256', '01', '\u{1f600}'];

function mutate(text, extra) {
    for (let count = 1 + random(3); count > 0; count--) {
        const at = random(text.length + 1);
        const lines = text.split('\r\n');
        switch (random(6)) {
        case 0: text = text.slice(0, at) + pick(bytes) + text.slice(at); break;
        case 1: text = text.slice(0, at) + pick(bytes) + text.slice(at + 1); break;
        case 2: text = text.slice(0, at) + text.slice(at + 1 + random(3)); break;
        case 3: text = text.slice(0, at) + pick(extra) + text.slice(at); break;
        case 4: text = text.slice(0, at) + pick(extra) + text.slice(at + 1); break;
        case 5: {                       // a line of its own, or of another place, between two lines
            const line = random(lines.length);
            lines.splice(line, 0, random(2) ? pick(lines) : pick(extra).replace('\r\n', ''));
            text = lines.join('\r\n');
        }
        }
    }
    return text;
}

function emit(kind, message, verdict) {
    const hex = message.toString('hex') || '-';
    process.stdout.write(`${kind} ${hex} ${verdict ? 'accept ' + (verdict.toString('hex') || '-') : 'reject'}\n`);
}

function emitAll(kind, list, extra, count) {
    for (let i = 0; i < list.length + count; i++) {
        const text = i < list.length ? list[i] : mutate(pick(list), extra);
        const message = Buffer.from(text, kind === 'U' ? 'utf8' : 'latin1');
        emit(kind, message, kind === 'U' ? parseUrl(text) : parse(kind, message));
    }
}

emitAll('Q', requests, strings, 4000);
emitAll('S', responses, strings, 2000);
emitAll('U', urls, urlStrings, 4000);
