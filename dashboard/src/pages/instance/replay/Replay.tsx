// What happened, moment by moment: all that an instance and those below it did, under a slider.
import { useEffect, useMemo, useState } from 'react';
import { type Trouble, troubleOfThrown } from '@/data/trouble';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Empty, Failed, NOT_FOUND } from '@/ui/states';
import { countUntil } from '../events';
import { Controls } from './Controls';
import { Log, Said, Touched, Who, Work } from './lists';
import { TEXTS } from './messages';
import { usePlayer } from './player';
import styles from './Replay.module.css';
import { type Recording, record } from './recording';

type Read = { recording: Recording | null; at: number };

export function Replay({ id }: { id: string }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const [read, setRead] = useState<Read>();
  const [entries, setEntries] = useState(0);
  const [trouble, setTrouble] = useState<Trouble>();
  const [times, setTimes] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `times` is how it is read anew
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    setTrouble(undefined);
    setEntries(0);
    record(id, signal, (count) => signal.aborted || setEntries(count)).then(
      (recording) => signal.aborted || setRead({ recording, at: Date.now() }),
      (error) => signal.aborted || setTrouble(troubleOfThrown(error)),
    );
    return () => ending.abort();
  }, [id, times]);
  const again = () => {
    setRead(undefined);
    setTimes((before) => before + 1);
  };
  if (trouble) return <Failed trouble={trouble} again={again} />;
  if (read === undefined) {
    return (
      <p className={styles.loading} role="status">
        {t.loading(formats.whole(entries))}
      </p>
    );
  }
  if (read.recording === null) return <Failed trouble={NOT_FOUND} />;
  if (read.recording.changes.length === 0) return <Empty title={t.nothing} />;
  return <Stage recording={read.recording} now={read.at} again={again} />;
}

type StageProps = { recording: Recording; now: number; again: () => void };

function Stage({ recording, now, again }: StageProps) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const player = usePlayer(recording, now);
  const { at } = player;
  const { acts, lines, files, steps } = recording;
  const begun = countUntil(acts, at, ({ from }) => from);
  const told = countUntil(lines, at, (line) => line.at);
  const touched = countUntil(files, at, (file) => file.at);
  const stepped = countUntil(steps, at, (step) => step.at);
  const said = useMemo(() => acts.slice(0, begun).filter(({ kind }) => kind !== 'model'), [acts, begun]);
  return (
    <div className={styles.stage}>
      <Controls recording={recording} player={player} again={again} />
      <p className="quiet">
        {recording.leftOut > 0 && `${t.leftOut(formats.whole(recording.leftOut))} `}
        {recording.actorsLeftOut > 0 && t.actorsLeftOut(formats.whole(recording.actorsLeftOut))}
      </p>
      <div className={styles.panes}>
        <Who recording={recording} begun={begun} at={at} />
        <Said acts={said} at={at} />
        <Log lines={lines} count={told} />
        <div className={styles.aside}>
          <Work steps={steps} count={stepped} />
          <Touched files={files} count={touched} at={at} />
        </div>
      </div>
    </div>
  );
}
