// Answers with the path of each request as code for Node.js reads it, one reading on a line.
import http from 'node:http';
import path from 'node:path';

const server = http.createServer((request, response) => {
  const raw = request.url.split('?')[0];
  const decoded = decodeURIComponent(raw);
  const readings = [
    decodeURIComponent(new URL(request.url, 'http://a.test').pathname),
    decoded,
    path.posix.normalize(decoded),
    path.win32.normalize(decoded).replaceAll('\\', '/'),
  ];
  response.setHeader('Content-Type', 'text/plain');
  response.end(readings.join('\n'));
});
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
