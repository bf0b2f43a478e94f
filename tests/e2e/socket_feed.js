// socket_feed.js N resume|'' STRETCH BREAKS - the feed of sockets.py by `ws` of Node.js; says its port, then what it does
'use strict'
const WebSocket = require('ws')
const [resumes, stretch, most] = [process.argv[3] === 'resume', +process.argv[4], +process.argv[5]]
let n = +process.argv[2], sent = 0, connections = 0, breaks = most
const tell = (word, value) => process.stdout.write(`${word} ${value}\n`)
const server = new WebSocket.Server({ host: '127.0.0.1', port: 0, perMessageDeflate: false }, () => console.log(server.address().port))

function breakOff (ws) {
  if (breaks % 3 === 0) ws.terminate()
  else if (breaks % 3 === 1) ws.close(1012, 'service restart')
  else ws.close(1000)
}

function talk (ws, after) {
  if (!resumes && after >= n) n = after + 1 // it was all said to somebody who is gone: one more, to be heard
  const end = breaks > 0 ? Math.min(n, after + stretch) : n
  let at = after
  const more = () => {
    while (at < end) {
      if (ws.readyState !== WebSocket.OPEN) return
      if (ws.bufferedAmount > 65536) return void setTimeout(more, 1)
      at++
      const text = JSON.stringify({ seq: at, pad: 'x'.repeat(at * 37 % 200) })
      if (at % 7 === 0) {
        ws.send(text.slice(0, 5), { fin: false })
        ws.ping('?')
        ws.send(text.slice(5))
      } else ws.send(text)
      sent = Math.max(sent, at)
      if (at % 10 === 0 || at === end) tell('sent', sent)
    }
    breaks--
    if (end < n) breakOff(ws)
  }
  more()
}

server.on('connection', ws => {
  tell('connections', ++connections)
  ws.on('error', () => {})
  ws.once('message', hello => talk(ws, resumes ? JSON.parse(hello).after || 0 : sent))
})
