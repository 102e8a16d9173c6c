// Web Push in this browser: sign up for all that one can be told of, and leave again.
import { useEffect, useState } from 'react';
import { ask, change } from '@/data/client';
import { useDoing } from '@/data/doing';
import { leavePush, lookAtPush, push, signUpForPush } from '@/data/push';
import { useStore } from '@/data/store';
import { texts, useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Failed } from '@/ui/states';
import {
  ChangeNotificationDocument,
  CreateNotificationDocument,
  DeleteNotificationDocument,
  type NotificationType,
  PushKeyDocument,
} from './settings.generated';

const TEXTS = texts({
  en: {
    title: 'This browser',
    unsupported: 'This browser cannot be told anything while its pages are closed: it has no Web Push.',
    insecure:
      'Web Push works over HTTPS, or on the machine of the server itself. Open this page by https://.',
    denied:
      'This browser refuses notifications of this page. Allow them in what it has to say about the page (beside its address), and load the page anew.',
    off: 'It can tell you, also while no page of ccgraph is open.',
    elsewhere: 'Another browser is told at the moment. Turned on here, it is this one.',
    on: 'It tells you, also while no page of ccgraph is open.',
    turnOn: 'Tell me in this browser',
    turnOff: 'Not in this browser any more',
    refused: 'Nothing is changed: the browser was not allowed to notify.',
    noKey:
      'This server delivers nothing yet: its key for Web Push is told by the first worker that runs (ccgraph worker).',
    service: (why: string) => `The browser could not sign up with its push service: ${why}`,
  },
  ja: {
    title: 'このブラウザー',
    unsupported: 'このブラウザーは Web Push に対応していないため、ページを閉じている間は通知できません。',
    insecure:
      'Web Push は HTTPS、またはサーバー自身のマシンでのみ使えます。https:// でこのページを開いてください。',
    denied:
      'このブラウザーはこのページの通知を拒否しています。アドレスの横にあるサイト設定で許可し、ページを再読み込みしてください。',
    off: 'ccgraph のページを閉じていても通知できます。',
    elsewhere: '現在は別のブラウザーに通知しています。ここで有効にすると、このブラウザーに切り替わります。',
    on: 'ccgraph のページを閉じていても通知します。',
    turnOn: 'このブラウザーで通知を受け取る',
    turnOff: 'このブラウザーでの通知をやめる',
    refused: '変更はありません。ブラウザーで通知が許可されませんでした。',
    noKey:
      'このサーバーには Web Push の鍵がありません。運用者が CCGRAPH_SECRET_KEY を設定する必要があります。',
    service: (why: string) => `ブラウザーがプッシュサービスに登録できませんでした: ${why}`,
  },
});

export type Pushed = { id: number; notificationType: NotificationType; pushEndpoint: string | null };
type Props = { types: readonly NotificationType[]; settings: readonly Pushed[]; changed: () => void };

/** `settings` are those by Web Push: a person has one of each type, so one browser is told. */
export function WebPush({ types, settings, changed }: Props) {
  const t = useTexts(TEXTS);
  const state = useStore(push);
  const doing = useDoing();
  const [told, setTold] = useState<string>();
  useEffect(() => void lookAtPush(), []);
  if (state.status === 'looking') return null;
  const own = settings.filter(({ pushEndpoint }) => state.status === 'on' && pushEndpoint === state.mark);
  const on = own.length > 0;

  const turnOn = () =>
    doing.run(async () => {
      setTold(undefined);
      const { systemSetting } = await ask(PushKeyDocument, {});
      if (typeof systemSetting?.settingValue !== 'string') return setTold(t.noKey);
      const made = await signUpForPush(systemSetting.settingValue).catch((error) => {
        setTold(t.service(error instanceof Error ? error.message : String(error)));
        return undefined;
      });
      if (made === undefined) return;
      if (made === null) return setTold(t.refused);
      try {
        await store(types, settings, { pushSubscription: made.subscription, pushEndpoint: made.mark });
      } catch (error) {
        // What the server does not know of would never be told anything.
        await leavePush();
        throw error;
      } finally {
        changed();
      }
      await lookAtPush();
    });
  const turnOff = () =>
    doing.run(async () => {
      setTold(undefined);
      await Promise.all(own.map(({ id }) => change(DeleteNotificationDocument, { input: { id } })));
      await leavePush();
      changed();
    });

  return (
    <section aria-label={t.title}>
      <p className={page.head}>
        <strong>{t.title}</strong>
        {state.status === 'unsupported' && <span>{state.secure ? t.unsupported : t.insecure}</span>}
        {state.status === 'denied' && <span>{t.denied}</span>}
        {(state.status === 'off' || state.status === 'on') && (
          <>
            <span>{on ? t.on : settings.length > 0 ? t.elsewhere : t.off}</span>
            <button type="button" disabled={doing.busy} onClick={() => void (on ? turnOff() : turnOn())}>
              {on ? t.turnOff : t.turnOn}
            </button>
          </>
        )}
        <span role="status">{told}</span>
      </p>
      {doing.trouble && <Failed trouble={doing.trouble} />}
    </section>
  );
}

type Where = { pushSubscription: unknown; pushEndpoint: string };

/** Every type is told there: the settings that there are, and new ones for the rest. */
async function store(
  types: readonly NotificationType[],
  settings: readonly Pushed[],
  where: Where,
): Promise<void> {
  for (const type of types) {
    const there = settings.find(({ notificationType }) => notificationType === type);
    if (there) {
      await change(ChangeNotificationDocument, {
        input: { id: there.id, patch: { ...where, isEnabled: true } },
      });
    } else {
      const input = { notificationType: type, serviceType: 'WEB_PUSH' as const, isEnabled: true, ...where };
      await change(CreateNotificationDocument, { input });
    }
  }
}
