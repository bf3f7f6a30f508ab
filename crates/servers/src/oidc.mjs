// An OpenID provider that knows everybody who says a name, with keys that are new at each start, and a mint of
// tokens that no provider should give.
//
//     node oidc.mjs PORT ISSUER CLIENTS

import * as crypto from 'node:crypto';
import * as http from 'node:http';
import { Provider } from 'oidc-provider';

const [port, issuer, clients] = process.argv.slice(2);

const kinds = {
  RS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  EdDSA: ['ed25519', {}],
};

function newKey(alg) {
  const [kind, options] = kinds[alg];
  const { privateKey, publicKey } = crypto.generateKeyPairSync(kind, options);
  return { alg, kid: `${alg}-${crypto.randomUUID()}`, privateKey, publicKey };
}

const keys = Object.keys(kinds).map(newKey);
const foreign = Object.keys(kinds).map(newKey);

const person = (name) => ({
  sub: name,
  name: `${name} of Example`,
  preferred_username: name,
  email: `${name}@example.com`,
  email_verified: !name.startsWith('unverified'),
  groups: ['everybody', `friends-of-${name}`],
});

const provider = new Provider(issuer, {
  clients: JSON.parse(clients),
  jwks: {
    keys: keys.map(({ alg, kid, privateKey }) => (
      // The key of an RSA signature may be used with every padding.
      { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', ...(alg !== 'RS256' && { alg }) })),
  },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'RS512', 'PS256', 'ES256', 'EdDSA'] },
  claims: {
    openid: ['sub', 'groups'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
  },
  features: { devInteractions: { enabled: true } },
  cookies: { keys: [crypto.randomUUID()] },
  findAccount: (_, name) => ({ accountId: name, claims: () => person(name) }),
});

// The port of whoever is tested is not known yet.
provider.Client.prototype.redirectUriAllowed = (uri) => new URL(uri).hostname === '127.0.0.1';

const json = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(alg, key, text) {
  if (alg === 'none') return Buffer.alloc(0);
  const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
  if (alg.startsWith('HS')) {
    // The public key is no secret: whoever confuses the two believes everybody.
    return crypto.createHmac(hash, key.publicKey.export({ format: 'pem', type: 'spki' })).update(text).digest();
  }
  const padding = alg.startsWith('PS') && {
    padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
    saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST,
  };
  return crypto.sign(hash, text, { key: key.privateKey, dsaEncoding: 'ieee-p1363', ...padding });
}

// `key` names the algorithm of the key, `foreign` takes one that is not published. The key's id is in the head
// unless the head says something else.
function mint({ header, claims, key: name, foreign: isForeign }) {
  const key = (isForeign ? foreign : keys).find(({ alg }) => alg === name);
  const head = { kid: key.kid, ...header };
  const text = `${json(head)}.${json(claims)}`;
  return `${text}.${sign(head.alg, key, text).toString('base64url')}`;
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts));
}

const answer = provider.callback();
http.createServer(async (request, response) => {
  if (request.url !== '/test/mint') return answer(request, response);
  try {
    response.end(mint(await body(request)));
  } catch (error) {
    response.writeHead(400).end(String(error));
  }
  return undefined;
}).listen(Number(port), '127.0.0.1');
