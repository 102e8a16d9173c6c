// A value that components follow: the smallest store that React takes.
import { useSyncExternalStore } from 'react';

export class Store<Value> {
  #value: Value;
  readonly #listeners = new Set<() => void>();

  constructor(value: Value) {
    this.#value = value;
  }

  readonly get = (): Value => this.#value;

  set(value: Value): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/** The value of a store, as long as the component is shown. */
export function useStore<Value>(store: Store<Value>): Value {
  return useSyncExternalStore(store.subscribe, store.get);
}

/** A store whose text is kept in this browser: tastes such as language and theme, never anything secret. */
export function remembered<Text extends string>(
  name: string,
  allowed: readonly Text[],
  first: Text,
): Store<Text> {
  const key = `ccgraph.${name}`;
  const found = allowed.find((text) => text === read(key));
  const store = new Store<Text>(found ?? first);
  store.subscribe(() => write(key, store.get()));
  return store;
}

// A browser that keeps nothing (private windows, policies) throws.
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
  } catch {
    // It is forgotten with the tab.
  }
}
