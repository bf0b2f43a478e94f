// sockets_ws.js URL N - N messages of a WebSocket into out.jsonl, by `ws` of Node.js
'use strict'
const fs = require('fs')
const WebSocket = require('ws')
const n = +process.argv[3]
const out = fs.createWriteStream('out.jsonl')
const ws = new WebSocket(process.argv[2], { perMessageDeflate: false })
let got = 0
ws.on('open', () => ws.send('{}'))
ws.on('message', data => {
  const m = JSON.parse(data)
  out.write(JSON.stringify({ seq: m.seq, price: m.price }) + '\n')
  if (++got === n) out.end(() => process.exit(0))
})
