//! Connects the state machine and the operating system in one task.

use crate::os::{Os, OsError};
use crate::plan::{Plan, Slot};
use crate::policy::{Routing, StandingPolicy};
use crate::state::{Effect, Event, Lockdown, Next, State, View};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tornado_shared::model::Lane;

/// The tunnel's task has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tunnel task has ended")]
pub struct Stopped;

/// Minimum interval between two log lines with the same report.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// A request to the task.
#[derive(Debug)]
enum Request {
    Event(Event),
    /// Observe the links.
    Observe,
    Policy(StandingPolicy),
}

/// A request, and the channel that signals its completion.
type Command = (Request, oneshot::Sender<()>);

/// A running tunnel. When the last clone is dropped, the tunnel is disconnected.
#[derive(Debug, Clone)]
pub struct Tunnel {
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<View>,
}

impl Tunnel {
    /// Starts the task under the default policy. It first removes what a previous process may have left, or activates
    /// lockdown if `lockdown` is given.
    pub fn start(os: Box<dyn Os>, lockdown: Option<Lockdown>) -> (Self, JoinHandle<()>) {
        Self::start_under(StandingPolicy::default(), os, lockdown)
    }

    /// As [`Self::start`], under this policy. With the mode `always`, lockdown is activated in any case; with `off`, in
    /// no case.
    pub fn start_under(policy: StandingPolicy, os: Box<dyn Os>, lockdown: Option<Lockdown>) -> (Self, JoinHandle<()>) {
        let (tunnel, task) = Self::new(policy, os, lockdown);
        (tunnel, tokio::spawn(task))
    }

    fn new(
        policy: StandingPolicy,
        os: Box<dyn Os>,
        lockdown: Option<Lockdown>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (commands, receiver) = mpsc::channel(16);
        let next = State::start(policy.lockdown.mode, lockdown);
        let (publish, view) = watch::channel(next.0.view());
        let driver = Driver { os, publish, policy, routing: None, disturbed: None, disturbances: 0, reported: None };
        (Self { commands, view }, driver.run(next, receiver))
    }

    /// Connects a tunnel, or changes the parameters of the one that is up. Waits for the outcome.
    ///
    /// # Errors
    /// If the task has ended. The same holds for the methods below.
    pub async fn connect(&self, plan: Plan) -> Result<View, Stopped> {
        self.command(Event::Connect(Box::new(plan))).await
    }

    /// Switches to another lane of the same session. Waits for the outcome.
    ///
    /// # Errors
    /// [`Stopped`] if the task of the tunnel has ended.
    pub async fn switch(&self, lane: Lane) -> Result<View, Stopped> {
        self.command(Event::Switch(lane)).await
    }

    /// Disconnects the tunnel. Waits for the outcome.
    ///
    /// # Errors
    /// [`Stopped`] if the task of the tunnel has ended.
    pub async fn disconnect(&self) -> Result<View, Stopped> {
        self.command(Event::Disconnect).await
    }

    /// Disconnects the tunnel and activates lockdown.
    ///
    /// # Errors
    /// [`Stopped`] if the task of the tunnel has ended.
    pub async fn block(&self, lockdown: Lockdown) -> Result<View, Stopped> {
        self.command(Event::Block(Box::new(lockdown))).await
    }

    /// Lifts the lockdown because its reason no longer exists.
    ///
    /// # Errors
    /// [`Stopped`] if the task of the tunnel has ended.
    pub async fn unblock(&self) -> Result<View, Stopped> {
        self.command(Event::Unblock).await
    }

    /// Sets the policy that holds in every state, and blocks or releases traffic accordingly. Waits for the outcome.
    ///
    /// # Errors
    /// [`Stopped`] if the task of the tunnel has ended.
    pub async fn set_policy(&self, policy: StandingPolicy) -> Result<View, Stopped> {
        self.send(Request::Policy(policy)).await?;
        self.settled().await
    }

    /// The state, as it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Observes the links now, instead of at the next interval, and returns the state.
    ///
    /// # Errors
    /// [`Stopped`] if the task of the tunnel has ended.
    pub async fn observe(&self) -> Result<View, Stopped> {
        self.send(Request::Observe).await?;
        Ok(self.view.borrow().clone())
    }

    async fn send(&self, request: Request) -> Result<(), Stopped> {
        let (done, taken) = oneshot::channel();
        self.commands.send((request, done)).await.map_err(|_| Stopped)?;
        taken.await.map_err(|_| Stopped)
    }

    async fn command(&self, event: Event) -> Result<View, Stopped> {
        self.send(Request::Event(event)).await?;
        self.settled().await
    }

    async fn settled(&self) -> Result<View, Stopped> {
        let mut view = self.view.clone();
        let settled = view.wait_for(|view| view.phase.is_settled()).await.map_err(|_| Stopped)?;
        Ok(settled.clone())
    }
}

struct Driver {
    os: Box<dyn Os>,
    publish: watch::Sender<View>,
    policy: StandingPolicy,
    /// The routing of the current state, without the policy. `None` if nothing of ours is in the kernel.
    routing: Option<Routing>,
    /// Description of the latest interference by another program since the latest connect.
    disturbed: Option<String>,
    /// Number of interferences found.
    disturbances: u64,
    /// When `disturbed` was last logged.
    reported: Option<Instant>,
}

impl Driver {
    async fn run(mut self, next: Next, mut commands: mpsc::Receiver<Command>) {
        let mut state = self.settle(next).await;
        loop {
            let (slots, pace) = state.poll_links();
            let deadline = state.poll_timeout().map(tokio::time::Instant::from_std);
            tokio::select! {
                biased;
                command = commands.recv() => {
                    let Some((request, taken)) = command else { break };
                    state = match request {
                        Request::Event(event) => {
                            if let Event::Connect(_) = event {
                                (self.disturbed, self.reported) = (None, None);
                            }
                            self.settle(state.handle(event, now())).await
                        }
                        Request::Observe => self.observe(state, slots).await,
                        Request::Policy(policy) => self.set_policy(state, policy).await,
                    };
                    // The caller may have dropped its future. The command is executed anyway.
                    let _ = taken.send(());
                }
                () = self.os.changed() => state = self.restore(state, slots).await,
                () = at(deadline) => state = self.settle(state.handle(Event::Timeout, now())).await,
                () = tokio::time::sleep(pace), if !slots.is_empty() => state = self.observe(state, slots).await,
            }
        }
        let _ = self.settle(state.handle(Event::Disconnect, now())).await;
    }

    async fn observe(&mut self, mut state: State, slots: Vec<Slot>) -> State {
        for slot in slots {
            let observed = within(self.os.call_timeout(), self.os.observe(slot)).await;
            state = self.settle(state.handle(Event::Observed(slot, observed), now())).await;
        }
        state
    }

    /// Applies the policy to the state, then to its routing. If that fails, the error becomes an event.
    async fn set_policy(&mut self, mut state: State, policy: StandingPolicy) -> State {
        let mode = policy.lockdown.mode;
        let is_new = std::mem::replace(&mut self.policy, policy) != self.policy;
        state = self.settle(state.set_mode(mode)).await;
        if let Some(routing) = self.routing.clone().filter(|_| is_new)
            && let Err(error) = self.route(&routing).await
        {
            state = self.settle(state.handle(Event::Disturbed(error), now())).await;
        }
        state
    }

    /// Restores what another program changed. If that fails, the error becomes an event; no traffic is released until
    /// then.
    async fn restore(&mut self, mut state: State, slots: Vec<Slot>) -> State {
        match within(self.os.call_timeout(), self.os.restore()).await {
            Ok(disturbance) if disturbance.is_none() => {}
            Ok(disturbance) => self.report(&state, &disturbance.to_string()),
            Err(error) => state = self.settle(state.handle(Event::Disturbed(error), now())).await,
        }
        self.observe(state, slots).await
    }

    fn report(&mut self, state: &State, what: &str) {
        let now = now();
        let repeated = self.disturbed.as_deref() == Some(what)
            && self.reported.is_some_and(|at| now.saturating_duration_since(at) < REPEAT_AFTER);
        if !repeated {
            tracing::warn!("{what}");
            self.reported = Some(now);
        }
        self.disturbed = Some(what.to_owned());
        self.disturbances += 1;
        self.publish_view(state);
    }

    /// Executes effects and passes the results back to the state machine until no effects are left.
    async fn settle(&mut self, (mut state, effects): Next) -> State {
        let mut queue: VecDeque<Effect> = effects.into();
        self.publish_view(&state);
        while let Some(effect) = queue.pop_front() {
            let Some(answer) = self.execute(effect).await else { continue };
            let (next, more) = state.handle(answer, now());
            state = next;
            queue.extend(more);
            self.publish_view(&state);
        }
        state
    }

    async fn execute(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Up(link) => Some(Event::LinkUp(link.slot, within(self.os.call_timeout(), self.os.up(&link)).await)),
            Effect::Route(slot, routing) => Some(Event::Routed(slot, self.route(&routing).await)),
            Effect::LockDown(routing) => Some(Event::LockedDown(self.route(&routing).await)),
            Effect::Remove(slot) => {
                // Nothing is routed into the interface any more. If it stays, it is removed with the tunnel.
                if let Err(error) = within(self.os.call_timeout(), self.os.remove(slot)).await {
                    tracing::warn!(error, "cannot remove an interface of the tunnel");
                }
                None
            }
            Effect::TearDown => {
                self.routing = None;
                Some(Event::TornDown(within(self.os.call_timeout(), self.os.tear_down()).await))
            }
        }
    }

    async fn route(&mut self, routing: &Routing) -> Result<(), String> {
        self.routing = Some(routing.clone());
        let routing = self.policy.applied_to(routing.clone());
        within(self.os.call_timeout(), self.os.route(&routing)).await
    }

    fn publish_view(&self, state: &State) {
        let view = View { disturbed: self.disturbed.clone(), disturbances: self.disturbances, ..state.view() };
        let changed = |old: &mut View| {
            let changed = *old != view;
            if changed {
                *old = view;
            }
            changed
        };
        self.publish.send_if_modified(changed);
    }
}

/// The time by tokio's clock, which tests can control.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Limits the duration of a call, so that a call without a response cannot block commands permanently.
async fn within<T>(timeout: Duration, call: impl Future<Output = Result<T, OsError>>) -> Result<T, String> {
    match tokio::time::timeout(timeout, call).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the operating system did not respond within {timeout:?}")),
    }
}

async fn at(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
