// The slider over the time of a recording, with how much happened when above it, and the keys that move it.
import { type KeyboardEvent, useMemo } from 'react';
import { useShortcuts } from '@/app/shortcuts';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Moment } from '@/ui/time';
import { countUntil } from '../events';
import { TEXTS } from './messages';
import { buckets, spentUntil } from './moment';
import { type Player, SPEEDS, type Speed } from './player';
import styles from './Replay.module.css';
import type { Recording } from './recording';

const BUCKETS = 160;
const HEIGHT = 24; // units of the drawing, which is stretched to the width there is

type Props = { recording: Recording; player: Player; again: () => void };

export function Controls({ recording, player, again }: Props) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const { from, to, at, playing, speed, step, toggle, changeSpeed } = player;
  useShortcuts([
    { keys: 'p', label: playing ? t.pause : t.play, run: toggle },
    { keys: 'h', label: t.before, run: () => step(-1) },
    { keys: 'l', label: t.after, run: () => step(1) },
    { keys: '<', label: t.slower, run: () => changeSpeed(-1) },
    { keys: '>', label: t.faster, run: () => changeSpeed(1) },
  ]);
  const { changes, spent } = recording;
  const first = countUntil(changes, from - 1, (time) => time);
  const number = countUntil(changes, at, (time) => time) - first;
  const passed = t.of(formats.duration(at - from), formats.duration(to - from));
  const iso = new Date(at).toISOString();
  const { cost, tokens } = spentUntil(spent, at);
  return (
    <section className={styles.controls} aria-label={t.controls}>
      <div className={styles.buttons}>
        <button type="button" aria-label={t.before} title={t.before} onClick={() => step(-1)}>
          ‹
        </button>
        <button type="button" data-kind="primary" onClick={toggle}>
          {playing ? t.pause : t.play}
        </button>
        <button type="button" aria-label={t.after} title={t.after} onClick={() => step(1)}>
          ›
        </button>
        <label>
          {t.speed}{' '}
          <select value={speed} onChange={(event) => player.setSpeed(Number(event.target.value) as Speed)}>
            {SPEEDS.map((times) => (
              <option key={times} value={times}>
                {t.times(times)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={player.skipping}
            onChange={(event) => player.setSkipping(event.target.checked)}
          />{' '}
          {t.skip}
        </label>
        <button type="button" className={styles.again} onClick={again}>
          {t.again}
        </button>
      </div>
      <p className={styles.moment}>
        <strong>
          <Moment at={iso} />
        </strong>{' '}
        <span className="quiet">
          {passed} · {t.change(formats.whole(number), formats.whole(changes.length - first))} ·{' '}
          {t.spent(formats.cost(cost), formats.compact(tokens))}
        </span>
      </p>
      <Density recording={recording} from={from} to={to} />
      <input
        className={styles.slider}
        type="range"
        aria-label={t.position}
        aria-valuetext={`${formats.dateTime(iso)}, ${passed}`}
        min={0}
        max={to - from}
        step="any"
        value={at - from}
        onChange={(event) => player.go(from + Number(event.target.value))}
        onKeyDown={(event) => keyOnSlider(event, player)}
      />
    </section>
  );
}

// The browser would move by a share of the whole; it is the next change that one wants to see.
function keyOnSlider(event: KeyboardEvent, { step }: Player): void {
  const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  step(by as 1 | -1);
}

function Density({ recording, from, to }: { recording: Recording; from: number; to: number }) {
  const bars = useMemo(() => {
    const all = buckets(recording, from, to, BUCKETS);
    const most = Math.max(1, ...all.map(({ acts }) => acts));
    return all.map((bucket, index) => ({
      ...bucket,
      x: index,
      // A square root shows the little beside the much.
      height: bucket.acts === 0 ? 0 : Math.max(2, HEIGHT * Math.sqrt(bucket.acts / most)),
    }));
  }, [recording, from, to]);
  return (
    <svg
      className={styles.density}
      viewBox={`0 0 ${BUCKETS} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {bars.map(({ x, height, failed, blocked }) => (
        <g key={x}>
          {blocked && <rect data-blocked x={x} y={0} width={1} height={HEIGHT} />}
          <rect data-failed={failed} x={x} y={HEIGHT - height} width={0.8} height={height} />
        </g>
      ))}
    </svg>
  );
}
