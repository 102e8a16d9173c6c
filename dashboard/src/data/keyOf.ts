// Keys of rows that a form makes: sent again because no answer came, the same content is the same row.

export class KeyOf {
  #content = '';
  #key = '';

  /** A UUID, the same as the last time where the content is. */
  of(content: object): string {
    const text = JSON.stringify(content);
    if (text !== this.#content) this.#key = uuid();
    this.#content = text;
    return this.#key;
  }
}

// `crypto.randomUUID` is there for pages over TLS and of this machine alone.
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
