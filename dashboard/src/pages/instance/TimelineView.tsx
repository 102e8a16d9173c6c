// When it did what: one lane for turns, instructions, the model, tools, and the time that it was blocked on a person.
import { useState } from 'react';
import { useLive } from '@/data/follow';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Empty, Failed, Loading } from '@/ui/states';
import { Moment, useNow } from '@/ui/time';
import { happenings, type Lane, leftOut, type Timeline, timeline } from './events';
import { ConversationDocument } from './instance.generated';
import { TEXTS } from './messages';
import { Older } from './Older';
import styles from './views.module.css';

const WIDTH = 1_000; // units of the drawing, which is stretched to the width there is
const HOUR = 3_600_000;
const SPANS = { all: null, day: 24 * HOUR, hour: HOUR, minutes: HOUR / 6 } as const;
const THINNEST = 1.5;
const ROW = 20;

export function TimelineView({ id }: { id: string }) {
  const t = useTexts(TEXTS);
  const now = useNow();
  const [span, setSpan] = useState<keyof typeof SPANS>('all');
  const { data, trouble } = useLive(ConversationDocument, { id, first: 500 });
  if (trouble) return <Failed trouble={trouble} />;
  if (!data?.ccInstance) return <Loading />;
  const all = happenings(data.ccInstance);
  if (all.length === 0) return <Empty title={t.nothing} />;
  const shown = timeline(all, now, SPANS[span]);
  return (
    <div className={styles.lanes}>
      <Older count={leftOut(data.ccInstance)} />
      <label>
        {t.span}{' '}
        <select value={span} onChange={(event) => setSpan(event.target.value as keyof typeof SPANS)}>
          {Object.keys(SPANS).map((name) => (
            <option key={name} value={name}>
              {t.spans[name as keyof typeof SPANS]}
            </option>
          ))}
        </select>
      </label>
      {shown.lanes.map((lane) => (
        <LaneView key={lane.kind} lane={lane} shown={shown} />
      ))}
      <p className={`${styles.axis} quiet`}>
        <Moment at={new Date(shown.from).toISOString()} />
        <Moment at={new Date(shown.to).toISOString()} />
      </p>
    </div>
  );
}

function LaneView({ lane, shown }: { lane: Lane; shown: Timeline }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const scale = WIDTH / (shown.to - shown.from);
  const name = `${t.lanes[lane.kind]}: ${formats.whole(lane.bars.length)}, ${formats.duration(lane.total)}`;
  return (
    <div className={styles.lane} data-kind={lane.kind}>
      <span>{name}</span>
      <svg
        viewBox={`0 0 ${WIDTH} ${lane.rows * ROW}`}
        style={{ height: `${lane.rows * (lane.rows === 1 ? 1.75 : 1)}rem` }}
        preserveAspectRatio="none"
        role="img"
        aria-label={name}
      >
        {lane.bars.map((bar) => (
          <rect
            key={bar.id}
            x={(bar.from - shown.from) * scale}
            y={bar.row * ROW + 2}
            width={Math.max(THINNEST, (bar.to - bar.from) * scale)}
            height={ROW - 4}
            data-failed={bar.failed}
          >
            <title>{`${bar.label} · ${formats.duration(bar.to - bar.from)}`}</title>
          </rect>
        ))}
      </svg>
    </div>
  );
}
