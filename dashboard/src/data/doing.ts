// One change at a time, with what went wrong.
import { useCallback, useEffect, useRef, useState } from 'react';
import { type Trouble, troubleOfThrown, unlessUnheard } from './trouble';

export type Doing = {
  busy: boolean;
  trouble: Trouble | undefined;
  /** Resolves to whether it was done. */
  run: (change: () => Promise<unknown>) => Promise<boolean>;
};

export function useDoing(): Doing {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const pressed = useRef<Element>(null);
  // What cannot be pressed while it is busy loses the focus.
  useEffect(() => {
    const last = pressed.current;
    if (busy || document.activeElement !== document.body) return;
    if (last instanceof HTMLElement && last.isConnected) last.focus({ preventScroll: true });
    pressed.current = null;
  }, [busy]);
  const run = useCallback(async (change: () => Promise<unknown>) => {
    pressed.current = document.activeElement;
    setBusy(true);
    setTrouble(undefined);
    try {
      await unlessUnheard(change);
      return true;
    } catch (error) {
      // A wrong password is no reason to say that the login has ended.
      const wrong = troubleOfThrown(error);
      setTrouble(wrong.kind === 'loggedOut' ? { ...wrong, kind: 'input' } : wrong);
      return false;
    } finally {
      setBusy(false);
    }
  }, []);
  return { busy, trouble, run };
}
