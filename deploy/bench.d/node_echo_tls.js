// The Node.js peer (Debian's node-ws) over TLS. node node_echo_tls.js PORT CERTIFICATE KEY
const { readFileSync } = require('fs');
const { createServer } = require('https');
const { WebSocketServer } = require('ws');
const [port, certificate, key] = process.argv.slice(2);
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
const wss = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 64 * 1024 * 1024 });
wss.on('connection', ws => { ws.on('message', (d, b) => ws.send(d, { binary: b })); ws.on('error', () => {}); });
server.listen(+port, '127.0.0.1');
