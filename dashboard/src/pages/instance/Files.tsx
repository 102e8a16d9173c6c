// Which files the sessions of an instance touched, those of late first.
import { useMemo } from 'react';
import { useAnswer } from '@/data/client';
import { useLive } from '@/data/follow';
import { useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Empty, Failed, Loading } from '@/ui/states';
import { Since } from '@/ui/time';
import { FilesDocument, InstanceFilesDocument } from './instance.generated';
import { TEXTS } from './messages';
import { Older } from './Older';
import styles from './views.module.css';

export function Files({ id }: { id: string }) {
  const t = useTexts(TEXTS);
  const asked = useAnswer(InstanceFilesDocument, { id });
  const sessions = asked.data?.ccInstance?.usage.groups.flatMap(({ key }) => key.sessionId ?? []);
  const { data, trouble } = useLive(FilesDocument, sessions && sessions.length > 0 ? { sessions } : null);
  const files = useMemo(
    () => [...Map.groupBy(data?.fileOperations.nodes ?? [], ({ filePath }) => filePath).entries()],
    [data],
  );
  const wrong = asked.trouble ?? trouble;
  if (wrong) return <Failed trouble={wrong} again={asked.again} />;
  if (sessions?.length === 0 || data?.fileOperations.totalCount === 0) return <Empty title={t.noFiles} />;
  if (data === undefined) return <Loading />;
  const { totalCount, nodes } = data.fileOperations;
  return (
    <div className={`${page.table} ${styles.table}`}>
      <Older count={totalCount - nodes.length} />
      <table>
        <thead>
          <tr>
            <th scope="col">{t.file}</th>
            <th scope="col">{t.operations}</th>
            <th scope="col">{t.last}</th>
          </tr>
        </thead>
        <tbody>
          {files.map(([path, operations]) => (
            <tr key={path}>
              <td>
                <code>{path}</code>
              </td>
              <td>
                {[...Map.groupBy(operations, ({ operationType }) => operationType)]
                  .map(([type, some]) => `${type} ${some.length}`)
                  .join(', ')}
              </td>
              <td>{operations[0] && <Since at={operations[0].createdAt} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
