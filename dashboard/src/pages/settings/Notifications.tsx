// What one is told and where: on and off, a test, a new one.
import { type FormEvent, useState } from 'react';
import { ask, change, useAnswer } from '@/data/client';
import { useDoing } from '@/data/doing';
import { changeSeen } from '@/data/seen';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Failed, Loading } from '@/ui/states';
import { TEXTS } from './messages';
import {
  ChangeNotificationDocument,
  CreateNotificationDocument,
  type CreateNotificationSettingInput,
  DeleteNotificationDocument,
  type NotificationService,
  type NotificationType,
  SettingsNotificationsDocument,
  type SettingsNotificationsQuery,
  TestNotificationDocument,
} from './settings.generated';
import { WebPush } from './WebPush';

type Setting = SettingsNotificationsQuery['notificationSettings']['nodes'][number];

const TYPES: readonly NotificationType[] = [
  'CLAUDE_REQUEST',
  'TASK_COMPLETED',
  'ERROR_OCCURRED',
  'COLLABORATION_INVITE',
];
// Web Push is set up by the browser that is to be told.
const SERVICES: readonly NotificationService[] = ['WEBHOOK', 'SLACK', 'DISCORD', 'LINE'];

export function Notifications({ user }: { user: number }) {
  const t = useTexts(TEXTS);
  const { data, trouble, again } = useAnswer(SettingsNotificationsDocument, { user });
  return (
    <section aria-labelledby="notifications-title">
      <h2 id="notifications-title">{t.notifications}</h2>
      <p className="quiet">{t.notificationsHint}</p>
      {trouble ? (
        <Failed trouble={trouble} again={again} />
      ) : data === undefined ? (
        <Loading />
      ) : data.notificationSettings.nodes.length === 0 ? (
        <p>{t.noNotifications}</p>
      ) : (
        <ul className={page.lines}>
          {data.notificationSettings.nodes.map((setting) => (
            <Line key={setting.id} user={user} setting={setting} changed={again} />
          ))}
        </ul>
      )}
      {data && (
        <WebPush
          types={TYPES}
          settings={data.notificationSettings.nodes.filter(({ serviceType }) => serviceType === 'WEB_PUSH')}
          changed={again}
        />
      )}
      <NewNotification made={again} />
    </section>
  );
}

type LineProps = { user: number; setting: Setting; changed: () => void };

function Line({ user, setting, changed }: LineProps) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const doing = useDoing();
  const [told, setTold] = useState<string>();
  const { id } = setting;
  const what = `${t.types[setting.notificationType]} · ${t.services[setting.serviceType]}`;
  const enable = async (isEnabled: boolean) => {
    const read = async () => {
      const { notificationSettings } = await ask(SettingsNotificationsDocument, { user });
      return notificationSettings.nodes.find((other) => other.id === id) ?? null;
    };
    await doing.run(() =>
      changeSeen(setting, read, (ifUnmodifiedSince) =>
        change(ChangeNotificationDocument, { input: { id, patch: { isEnabled }, ifUnmodifiedSince } }),
      ),
    );
    changed();
  };
  const remove = async () => {
    await doing.run(() => change(DeleteNotificationDocument, { input: { id } }));
    changed();
  };
  const test = () => {
    setTold(t.testing);
    return doing
      .run(async () => {
        const { testNotificationSetting } = await change(TestNotificationDocument, { input: { id } });
        const { delivered, responseCode, errorMessage, durationMs } = testNotificationSetting;
        const why = errorMessage ?? (responseCode === null ? '' : t.code(responseCode));
        setTold(delivered ? t.delivered(formats.duration(durationMs)) : t.notDelivered(why));
      })
      .then((done) => done || setTold(undefined));
  };
  return (
    <li>
      <label>
        <input
          type="checkbox"
          aria-label={t.enableIt(what)}
          checked={setting.isEnabled ?? false}
          disabled={doing.busy}
          onChange={(event) => void enable(event.target.checked)}
        />{' '}
        {t.enabled}
      </label>
      <span className={page.what}>
        {what} {setting.webhookUrl && <code>{setting.webhookUrl}</code>}
      </span>
      <button type="button" disabled={doing.busy} aria-label={t.testIt(what)} onClick={() => void test()}>
        {t.test}
      </button>
      <button type="button" disabled={doing.busy} aria-label={t.removeIt(what)} onClick={() => void remove()}>
        {t.remove}
      </button>
      <span role="status">{told}</span>
      {doing.trouble && <Failed trouble={doing.trouble} />}
    </li>
  );
}

function NewNotification({ made }: { made: () => void }) {
  const t = useTexts(TEXTS);
  const doing = useDoing();
  const [service, setService] = useState<NotificationService>('WEBHOOK');
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const input = inputOf(service, new FormData(form));
    const done = await doing.run(() => change(CreateNotificationDocument, { input }));
    made(); // also where no answer came: it may have been made
    if (!done) return;
    form.reset();
    setService('WEBHOOK');
  };
  return (
    <>
      <form className={page.form} onSubmit={(event) => void submit(event)} aria-label={t.add}>
        <label>
          {t.event}
          <select name="type">
            {TYPES.map((type) => (
              <option key={type} value={type}>
                {t.types[type]}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t.service}
          <select value={service} onChange={(event) => setService(event.target.value as NotificationService)}>
            {SERVICES.map((name) => (
              <option key={name} value={name}>
                {t.services[name]}
              </option>
            ))}
          </select>
        </label>
        {service === 'LINE' ? (
          <>
            <label>
              {t.lineToken}
              <input name="token" type="password" required autoComplete="off" />
            </label>
            <label>
              {t.lineTo}
              <input name="to" required autoComplete="off" />
            </label>
          </>
        ) : (
          <label>
            {t.url}
            <input name="url" type="url" required autoComplete="off" placeholder="https://" />
          </label>
        )}
        <button type="submit" disabled={doing.busy}>
          {t.add}
        </button>
      </form>
      <p className="quiet">{t.sealed}</p>
      {doing.trouble && <Failed trouble={doing.trouble} />}
    </>
  );
}

function inputOf(service: NotificationService, given: FormData): CreateNotificationSettingInput {
  const text = (name: string) => String(given.get(name) ?? '');
  const input = { notificationType: text('type') as NotificationType, serviceType: service, isEnabled: true };
  if (service === 'WEBHOOK') return { ...input, webhookUrl: text('url') };
  if (service === 'LINE') {
    return { ...input, serviceConfig: { channel_access_token: text('token'), to: text('to') } };
  }
  return { ...input, serviceConfig: { webhook_url: text('url') } };
}
