// GraphiQL with a login: tokens live in this tab only, and requests go to the address of the page.
(() => {
  'use strict';

  const ENDPOINT = location.pathname;
  const STORED = 'ccgraph.tokens';
  const SPARE_SECONDS = 30; // a token is exchanged this long before it expires
  const TOKENS = 'accessToken refreshToken expiresAt user { username }';
  const LOGIN = `mutation Login($input: LoginInput!) { login(input: $input) { ${TOKENS} } }`;
  const REFRESH = `mutation Refresh($input: RefreshTokenInput!) { refreshToken(input: $input) { ${TOKENS} } }`;
  const EXAMPLE = `# To follow it as it changes: subscription { live { tasks(...) { ... } } }

{
  tasks(first: 5, orderBy: [{createdAt: DESC}]) {
    totalCount
    nodes { id name status project { name } assignedTo { name } }
  }
}
`;
  const LOGOUT = 'mutation Logout { logout { success } }';

  const element = (id) => document.getElementById(id);
  let tokens = JSON.parse(sessionStorage.getItem(STORED) ?? 'null');
  let exchanging = null;
  let root = null;
  const invitation = element('graphiql').firstElementChild;

  async function post(body, token) {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    if (token) headers.authorization = `Bearer ${token}`;
    const response = await fetch(ENDPOINT, { method: 'POST', headers, body: JSON.stringify(body) });
    return response.json();
  }

  async function obtain(query, field, input) {
    const { data, errors } = await post({ query, variables: { input } });
    if (errors?.length) throw new Error(errors[0].message);
    keep(data[field]);
  }

  function keep(obtained) {
    tokens = obtained;
    if (tokens) sessionStorage.setItem(STORED, JSON.stringify(tokens));
    else sessionStorage.removeItem(STORED);
    show();
  }

  // One exchange at a time: a refresh token that is used twice ends the login.
  async function accessToken() {
    if (!tokens) throw new Error('Log in first.');
    if (Date.parse(tokens.expiresAt) - Date.now() < SPARE_SECONDS * 1000) {
      exchanging ??= obtain(REFRESH, 'refreshToken', { refreshToken: tokens.refreshToken })
        .catch((error) => {
          keep(null);
          throw error;
        })
        .finally(() => {
          exchanging = null;
        });
      await exchanging;
    }
    return tokens.accessToken;
  }

  async function fetcher(request) {
    const token = await accessToken();
    return isSubscription(request) ? subscribe(request, token) : post(request, token);
  }

  // GraphiQL brings a parsed document too, but that lags behind the editor.
  function isSubscription({ query, operationName }) {
    const tokens = query.match(/"""[^]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*|[{}()]|\w+/g) ?? [];
    let depth = 0;
    let before = '';
    for (const [place, token] of tokens.entries()) {
      if (token === '{' || token === '(') depth += 1;
      else if (token === '}' || token === ')') depth -= 1;
      else if (depth === 0 && token === 'subscription' && !['fragment', 'on', 'query', 'mutation'].includes(before)) {
        if (!operationName || tokens[place + 1] === operationName) return true;
      }
      before = token;
    }
    return false;
  }

  // The protocol graphql-transport-ws, for one subscription on a socket of its own.
  function subscribe(payload, token) {
    const address = new URL(ENDPOINT, location.href);
    address.protocol = address.protocol.replace('http', 'ws');
    const socket = new WebSocket(address, 'graphql-transport-ws');
    const send = (message) => socket.send(JSON.stringify(message));
    const arrived = [];
    let wake = () => {};
    let ended = false;
    const end = (last) => {
      if (last) arrived.push(last);
      ended = true;
      wake();
    };
    const receive = {
      connection_ack: () => send({ id: '1', type: 'subscribe', payload }),
      ping: () => send({ type: 'pong' }),
      next: (message) => {
        arrived.push(message.payload);
        wake();
      },
      error: (message) => end({ errors: message.payload }),
      complete: () => end(),
    };
    socket.onopen = () => send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      receive[message.type]?.(message);
    };
    socket.onclose = (event) => {
      if (!ended) end({ errors: [{ message: `The connection was closed (${event.code} ${event.reason}).` }] });
    };
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      async next() {
        while (arrived.length === 0 && !ended) {
          await new Promise((resolve) => {
            wake = resolve;
          });
        }
        return arrived.length ? { value: arrived.shift(), done: false } : { value: undefined, done: true };
      },
      async return() {
        ended = true;
        socket.close(1000);
        wake();
        return { value: undefined, done: true };
      },
    };
  }

  function show() {
    element('login').hidden = Boolean(tokens);
    element('session').hidden = !tokens;
    element('who').textContent = tokens?.user?.username ?? '';
    if (tokens && !root) {
      root = ReactDOM.createRoot(element('graphiql'));
      root.render(React.createElement(GraphiQL, { fetcher, defaultQuery: EXAMPLE, shouldPersistHeaders: false }));
    } else if (!tokens && root) {
      root.unmount();
      root = null;
      element('graphiql').replaceChildren(invitation);
    }
  }

  function tell(error) {
    element('trouble').textContent = error ? error.message : '';
  }

  element('login').addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.target;
    obtain(LOGIN, 'login', Object.fromEntries(new FormData(form))).then(() => {
      form.reset();
      tell(null);
    }, tell);
  });

  element('logout').addEventListener('click', () => {
    post({ query: LOGOUT }, tokens?.accessToken).then(() => tell(null), tell);
    keep(null);
  });

  show();
})();
