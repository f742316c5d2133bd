// A small HTTP server. "leak": every request leaves a closure in a list that nobody empties.
// "steady": the same, but the list is bounded. Usage: node server.js PORT leak|steady
'use strict';

const http = require('http');

const [port, mode] = [Number(process.argv[2]), process.argv[3]];
const BOUND = 300;
const kept = [];

const server = http.createServer((request, response) => {
  const scratch = { headers: { ...request.headers }, body: 'x'.repeat(200) + Math.random() };
  const session = Array.from({ length: 150 }, (_, i) => ({ i, note: scratch.body + i }));
  kept.push(() => session.length + scratch.body.length);
  if (mode === 'steady' && kept.length > BOUND) {
    kept.shift();
  }
  response.end(JSON.stringify({ kept: kept.length, first: session[0].note }));
});

server.listen(port, '127.0.0.1', () => console.log('ready'));
