// Runs the audits of the package graphql-http: node audits.mjs PACKAGE URL TOKEN; prints one JSON line each.
import { pathToFileURL } from 'node:url';

const [library, url, token] = process.argv.slice(2);
const { serverAudits } = await import(pathToFileURL(`${library}/lib/audits/index.mjs`));
const fetchFn = (address, options = {}) =>
  fetch(address, { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } });

for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  console.log(JSON.stringify({ id: audit.id, name: audit.name, status: result.status, reason: result.reason }));
}
