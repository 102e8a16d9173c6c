// The position in a recording, and playing: it goes on with the reader's clock until the end.
import { useEffect, useRef, useState } from 'react';
import { advanced, neighbour } from './moment';
import type { Recording } from './recording';

export const SPEEDS = [1, 5, 20, 100, 500] as const;
export type Speed = (typeof SPEEDS)[number];

const STEP = 100; // milliseconds between two positions while it plays

export type Player = {
  from: number;
  to: number;
  at: number;
  playing: boolean;
  speed: Speed;
  skipping: boolean;
  go: (at: number) => void;
  step: (by: 1 | -1) => void;
  toggle: () => void;
  setSpeed: (speed: Speed) => void;
  changeSpeed: (by: 1 | -1) => void;
  setSkipping: (skipping: boolean) => void;
};

const TAIL = 0.1; // share of the time that is shown behind the last change of what still goes on

/** `now` is when the recording was read: until then it is known that what goes on goes on. */
export function usePlayer({ changes, since, actors }: Recording, now: number): Player {
  const from = Math.max(changes[0] ?? now, since ?? 0);
  const last = changes.at(-1) ?? now;
  const alive = actors.some((actor) => actor.to === null);
  const to = Math.max(from + 1, last, alive ? Math.min(now, last + (last - from) * TAIL) : last);
  const [at, setAt] = useState(from);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<Speed>(20);
  const [skipping, setSkipping] = useState(true);
  const place = useRef(at);
  place.current = at;
  const go = (wanted: number) => setAt(Math.min(to, Math.max(from, wanted)));

  useEffect(() => {
    if (!playing) return;
    let before = performance.now();
    const timer = setInterval(() => {
      const clock = performance.now();
      const next = advanced(changes, place.current, clock - before, speed, skipping);
      before = clock;
      place.current = Math.min(to, next);
      setAt(place.current);
      if (next >= to) setPlaying(false);
    }, STEP);
    return () => clearInterval(timer);
  }, [playing, speed, skipping, changes, to]);

  const toggle = () => {
    if (!playing && at >= to) setAt(from);
    setPlaying(!playing);
  };
  const changeSpeed = (by: 1 | -1) => {
    const next = SPEEDS[SPEEDS.indexOf(speed) + by];
    if (next) setSpeed(next);
  };
  const step = (by: 1 | -1) => {
    setPlaying(false);
    go(neighbour(changes, at, by));
  };
  return { from, to, at, playing, speed, skipping, go, step, toggle, setSpeed, changeSpeed, setSkipping };
}
