// An application that talks without being asked: a WebSocket that echoes, and an event stream.
import http from 'node:http';
import { WebSocketServer } from 'ws';
import { close, listen } from './net.mjs';

/// Opens both at `address`, and keeps what happens in `window.seen`.
const PAGE = `<!doctype html><meta charset="utf-8"><title>Live</title><h1>Live</h1><script>
window.seen = { socket: [], events: [] };
window.open_all = (at) => {
  const socket = window.socket = new WebSocket(at.replace(/^http/, 'ws') + '/socket');
  socket.onopen = () => { seen.socket.push('open'); socket.send('hello'); };
  socket.onmessage = (message) => seen.socket.push(message.data);
  socket.onclose = (end) => seen.socket.push('closed', end.code + (end.wasClean ? ' clean' : ' broken'));
  const events = window.events = new EventSource(at + '/events', { withCredentials: true });
  events.onopen = () => seen.events.push('open');
  events.onmessage = (message) => seen.events.push(message.data);
  events.onerror = () => seen.events.push(events.readyState === EventSource.CLOSED ? 'closed' : 'lost');
};
</script>`;

/// Starts it. `sockets` and `streams` count what is open; `handshakes` are the headers that came with WebSockets,
/// `ends` the codes that closed them.
export async function liveApp() {
  const app = { sockets: 0, streams: new Set(), handshakes: [], ends: [] };
  const server = http.createServer((request, response) => {
    if (request.url !== '/events') return response.setHeader('Content-Type', 'text/html').end(PAGE);
    app.streams.add(response);
    response.on('close', () => app.streams.delete(response));
    return response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: hello\n\n');
  });
  const sockets = new WebSocketServer({ server, path: '/socket' });
  sockets.on('connection', (socket, request) => {
    app.handshakes.push(request.headers);
    app.sockets += 1;
    socket.on('close', (code) => { app.sockets -= 1; app.ends.push(code); });
    socket.on('error', () => {});
    socket.on('message', (message) => socket.send(`echo ${message}`));
  });
  app.port = await listen(server);
  /// Says something on every event stream.
  app.tell = (text) => app.streams.forEach((stream) => stream.write(`data: ${text}\n\n`));
  app.close = () => {
    sockets.clients.forEach((socket) => socket.terminate());
    return close(server);
  };
  return app;
}
