// A link of a notification: on to the board of the task, to the instance of the session, or what was told.
import { Navigate, useParams } from '@tanstack/react-router';
import { useAnswer } from '@/data/client';
import page from '@/ui/page.module.css';
import { Failed, Loading, NOT_FOUND } from '@/ui/states';
import { Moment } from '@/ui/time';
import { LinkedNotificationDocument, LinkedSessionDocument, LinkedTaskDocument } from './links.generated';

export function TaskLink() {
  const { id } = useParams({ from: '/tasks/$id' });
  const { data, trouble, again } = useAnswer(LinkedTaskDocument, { id });
  if (trouble) return <Failed page trouble={trouble} again={again} />;
  if (data === undefined) return <Loading />;
  if (data.task === null) return <Failed page trouble={NOT_FOUND} />;
  const { projectId } = data.task;
  return <Navigate to="/board" search={{ ...(projectId && { project: projectId }), task: id }} replace />;
}

export function SessionLink() {
  const { id } = useParams({ from: '/sessions/$id' });
  const { data, trouble, again } = useAnswer(LinkedSessionDocument, { id });
  if (trouble) return <Failed page trouble={trouble} again={again} />;
  if (data === undefined) return <Loading />;
  const [instance] = data.ccInstances.nodes;
  if (instance === undefined) return <Failed page trouble={NOT_FOUND} />;
  return <Navigate to="/instances/$id" params={{ id: instance.id }} replace />;
}

export function NotificationLink() {
  const { id } = useParams({ from: '/notifications/$id' });
  const { data, trouble, again } = useAnswer(LinkedNotificationDocument, { id });
  if (trouble) return <Failed page trouble={trouble} again={again} />;
  if (data === undefined) return <Loading />;
  const told = data.notificationHistoryEntry;
  if (told === null) return <Failed page trouble={NOT_FOUND} />;
  return (
    <div className={page.page}>
      <section>
        <h1>{told.title}</h1>
        <p>{told.message}</p>
        <p className="quiet">
          <Moment at={told.createdAt} />
        </p>
      </section>
    </div>
  );
}
