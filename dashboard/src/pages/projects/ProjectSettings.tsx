// The settings of a project that its owner may change; others see what they are.
import { type FormEvent, useState } from 'react';
import { ask, change, useAnswer } from '@/data/client';
import { useDoing } from '@/data/doing';
import { changeSeen } from '@/data/seen';
import { useTexts } from '@/i18n/language';
import { NAME } from '@/ui/named';
import page from '@/ui/page.module.css';
import { Failed, Loading } from '@/ui/states';
import { fieldsOf, TEXTS } from './messages';
import {
  ChangeProjectDocument,
  type ProjectPatch,
  ProjectSettingsDocument,
  type ProjectSettingsQuery,
  type ProjectStatus,
  type ProjectType,
} from './projects.generated';

type Settings = NonNullable<ProjectSettingsQuery['project']>;

const TYPES: readonly ProjectType[] = ['WEB', 'API', 'CLI', 'MOBILE', 'DATA', 'GENERAL'];
/** What a project becomes by its settings; archiving is a step of its own. */
const STATUSES: readonly ProjectStatus[] = ['ACTIVE', 'PAUSED', 'COMPLETED'];

type Props = { id: string; status: ProjectStatus; deciding: boolean };

export function ProjectSettings({ id, status, deciding }: Props) {
  const t = useTexts(TEXTS);
  const { data, trouble, again } = useAnswer(ProjectSettingsDocument, { project: id });
  const [saved, setSaved] = useState(false);
  if (trouble) return <Failed trouble={trouble} again={again} />;
  if (!data?.project) return <Loading />;
  const usable = deciding && status !== 'ARCHIVED';
  return (
    <section aria-labelledby="settings-title">
      <h2 id="settings-title">{t.settings}</h2>
      {!deciding && <p className="quiet">{t.ownerOnly}</p>}
      <Fields
        key={data.project.updatedAt}
        settings={data.project}
        usable={usable}
        done={() => {
          setSaved(true);
          again();
        }}
        touched={() => setSaved(false)}
        again={again}
      />
      <p role="status">{saved && t.saved}</p>
    </section>
  );
}

type FieldsProps = {
  settings: Settings;
  usable: boolean;
  done: () => void;
  touched: () => void;
  again: () => void;
};

function Fields({ settings, usable, done, touched, again }: FieldsProps) {
  const t = useTexts(TEXTS);
  const doing = useDoing();
  const [unchanged, setUnchanged] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    touched();
    const patch = patchOf(settings, new FormData(event.currentTarget));
    setUnchanged(Object.keys(patch).length === 0);
    if (Object.keys(patch).length === 0) return;
    const { id, projectId } = settings;
    const save = () =>
      changeSeen(
        settings,
        async () => (await ask(ProjectSettingsDocument, { project: projectId })).project,
        (ifUnmodifiedSince) => change(ChangeProjectDocument, { input: { id, patch, ifUnmodifiedSince } }),
      );
    if (await doing.run(save)) done();
  };
  const text = (name: string, label: string, value: string | null, wide = false) => (
    <label className={wide ? page.wide : undefined}>
      {label}
      <input
        name={name}
        defaultValue={value ?? ''}
        autoComplete="off"
        {...(name === 'name' && { required: true, pattern: NAME, title: t.nameHint })}
      />
    </label>
  );
  const check = (name: string, label: string, value: boolean | null) => (
    <label className={`${page.check} ${page.wide}`}>
      <input type="checkbox" name={name} defaultChecked={value ?? false} /> {label}
    </label>
  );
  return (
    <>
      <form aria-labelledby="settings-title" onSubmit={(event) => void submit(event)}>
        <fieldset className={`${page.form} ${page.fields}`} disabled={!usable}>
          {text('name', t.name, settings.name)}
          <label>
            {t.type}
            <select name="projectType" defaultValue={settings.projectType ?? ''}>
              <option value="">{t.noType}</option>
              {TYPES.map((type) => (
                <option key={type} value={type}>
                  {t.types[type]}
                </option>
              ))}
            </select>
          </label>
          {text('description', t.description, settings.description, true)}
          {text('repositoryUrl', t.repository, settings.repositoryUrl)}
          {text('localPath', t.path, settings.localPath)}
          {text('defaultBranch', t.branch, settings.defaultBranch)}
          <label>
            {t.state}
            <select name="status" defaultValue={settings.status}>
              {(settings.status === 'ARCHIVED' ? [settings.status] : STATUSES).map((status) => (
                <option key={status} value={status}>
                  {t.status[status]}
                </option>
              ))}
            </select>
          </label>
          <label>
            {t.parallel}
            <input
              type="number"
              name="maxParallelCc"
              min={1}
              max={MOST_PARALLEL}
              step={1}
              defaultValue={settings.maxParallelCc ?? ''}
            />
          </label>
          {check('holdPermissionRequests', t.hold, settings.holdPermissionRequests)}
          <p className={`${page.wide} quiet`}>{t.holdHint}</p>
          {check('mcpEnabled', t.mcp, settings.mcpEnabled)}
          {check('ultrathinkProtocol', t.ultrathink, settings.ultrathinkProtocol)}
          {check('isPublic', t.isPublic, settings.isPublic)}
          <div className={page.wide}>
            <button type="submit" disabled={doing.busy}>
              {t.save}
            </button>
          </div>
        </fieldset>
      </form>
      {unchanged && <p role="status">{t.unchanged}</p>}
      {doing.trouble?.kind === 'conflict' && (
        <p className={page.notice}>
          <strong>{t.conflict}</strong>
          <button type="button" onClick={again}>
            {t.again}
          </button>
        </p>
      )}
      {doing.trouble && <Failed trouble={doing.trouble} fields={fieldsOf(t)} />}
    </>
  );
}

const MOST_PARALLEL = 1_000; // what is meant by more is no bound
const TEXT_FIELDS = ['name', 'description', 'repositoryUrl', 'localPath', 'defaultBranch'] as const;
const CHECKS = ['holdPermissionRequests', 'mcpEnabled', 'ultrathinkProtocol', 'isPublic'] as const;

/** What the form changes, and nothing else: a column that was left alone is not written. */
export function patchOf(settings: Settings, given: FormData): ProjectPatch {
  const text = (name: string) => String(given.get(name) ?? '').trim();
  const patch: ProjectPatch = {};
  for (const name of TEXT_FIELDS) {
    if (text(name) !== (settings[name] ?? '')) Object.assign(patch, { [name]: text(name) || null });
  }
  for (const name of CHECKS) {
    if (given.has(name) !== (settings[name] ?? false)) patch[name] = given.has(name);
  }
  const type = text('projectType') || null;
  if (type !== settings.projectType) patch.projectType = type as ProjectType | null;
  const status = text('status');
  if (status !== settings.status) patch.status = status as ProjectStatus;
  const parallel = text('maxParallelCc') === '' ? null : Number(text('maxParallelCc'));
  if (parallel !== settings.maxParallelCc) patch.maxParallelCc = parallel;
  return patch;
}
