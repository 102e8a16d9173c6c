// A value that changes with every key that is pressed, once the reader pauses.
import { useEffect, useState } from 'react';

const PAUSE = 250; // milliseconds

/** The value as it was before the last pause; a new one after `PAUSE` without another. */
export function useSettled<Value>(value: Value): Value {
  const [settled, settle] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => settle(value), PAUSE);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
