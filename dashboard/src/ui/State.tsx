// What an instance does, in a shape and a word: the same wherever it is shown.
import { texts, useTexts } from '@/i18n/language';
import styles from './State.module.css';

/** In the order in which they need a person. */
export const STATES = [
  'permission',
  'answer',
  'failed',
  'turn',
  'retrying',
  'working',
  'background',
  'idle',
  'ended',
] as const;
export type State = (typeof STATES)[number];

type Activity =
  | 'WAITING_PERMISSION'
  | 'WAITING_ANSWER'
  | 'IDLE'
  | 'WORKING'
  | 'BACKGROUND'
  | 'RETRYING'
  | 'GONE';

const ACTIVITIES: Record<Activity, State> = {
  WAITING_PERMISSION: 'permission',
  WAITING_ANSWER: 'answer',
  IDLE: 'turn',
  WORKING: 'working',
  BACKGROUND: 'background',
  RETRYING: 'retrying',
  GONE: 'ended',
};

type Told = {
  status: 'IDLE' | 'RUNNING' | 'STOPPED' | 'ERROR';
  activity: Activity | null;
  permissionRequests?: { nodes: readonly unknown[] };
};

/** What it does by what is told of it; by its status where no source tells. */
export function stateOf({ status, activity, permissionRequests }: Told): State {
  if (status === 'ERROR') return 'failed';
  if (status === 'STOPPED') return 'ended';
  if (permissionRequests !== undefined && permissionRequests.nodes.length > 0) return 'permission';
  if (activity !== null) return ACTIVITIES[activity];
  return status === 'RUNNING' ? 'working' : 'idle';
}

/** Whether a person has to do something before it goes on. */
export function needsPerson({ state }: { state: State }): boolean {
  return state === 'permission' || state === 'answer';
}

const TEXTS = texts({
  en: {
    permission: 'Asks permission',
    answer: 'Asks a question',
    failed: 'Failed',
    turn: 'Your turn',
    retrying: 'Retries the API',
    working: 'Working',
    background: 'In background',
    idle: 'Idle',
    ended: 'Ended',
  },
  ja: {
    permission: '許可待ち',
    answer: '質問中',
    failed: '失敗',
    turn: 'あなたの番',
    retrying: 'API 再試行中',
    working: '作業中',
    background: 'バックグラウンド',
    idle: '待機中',
    ended: '終了',
  },
});

/** The state in a line of text. */
export function StateWord({ state }: { state: State }) {
  const t = useTexts(TEXTS);
  return (
    <span className={styles.state} data-state={state}>
      {t[state]}
    </span>
  );
}
