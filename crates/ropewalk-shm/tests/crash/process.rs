//! Processes to be stepped, stopped and killed.
//!
//! # Contract of the unsafe code
//!
//! 1. This program has one thread, so a forked child may go on like any program.
//! 2. Process numbers are those of children that nobody has waited for: they name no other process.
//! 3. What the system writes is a value on our stack, of the type that the call is documented to write.
#![allow(unsafe_code)]

use crate::watchdog;
use crate::way::AtSleep;
use ropewalk_os::identity::Identity;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long children may take to end: less than what the watchdog gives, so that it is said who hangs.
const PATIENCE: Duration = Duration::from_secs(watchdog::PATIENCE as u64 - 10);

/// A forked child. Dropped, it is killed.
pub struct Child {
    pid: libc::pid_t,
    ended: bool,
}

/// What a traced child is at.
#[derive(Debug, PartialEq, Eq)]
pub enum Traced {
    Stopped,
    Ended,
    /// It came to its sleep in a line of the ring. On a slow machine the sleep is over at once: its time has passed.
    Asleep,
}

/// The instruction of a system call, and which bits of a word in memory it fills.
#[cfg(target_arch = "x86_64")]
const SYSTEM_CALL: (u64, u64) = (0x050f, 0xffff);
#[cfg(target_arch = "aarch64")]
const SYSTEM_CALL: (u64, u64) = (0xd400_0001, 0xffff_ffff);

/// Exit code of a child that panicked.
const PANICKED: u8 = 101;

impl Child {
    /// A child that does `body` and ends with its code.
    pub fn spawn(body: impl FnOnce() -> u8) -> Child {
        let begun = Instant::now();
        let pid = loop {
            // SAFETY: rule 1.
            let pid = unsafe { libc::fork() };
            let error = std::io::Error::last_os_error();
            if pid >= 0 {
                break pid;
            }
            // There are too many processes here for now: others come and go too.
            assert!(
                error.raw_os_error() == Some(libc::EAGAIN) && begun.elapsed() < PATIENCE,
                "fork: {error}"
            );
            std::thread::sleep(Duration::from_millis(100));
        };
        if pid == 0 {
            // SAFETY: rule 1; whoever kills the test kills its children.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(PANICKED);
            // SAFETY: rule 1; without the exit handlers, which are the parent's.
            unsafe { libc::_exit(code.into()) };
        }
        Child { pid, ended: false }
    }

    /// As [`Child::spawn`], stopped before `body`; `None` if this system does not let us trace.
    pub fn traced(body: impl FnOnce() -> u8) -> Option<Child> {
        let child = Child::spawn(|| {
            // What each process asks the system once is not what is stepped through.
            let _ = Identity::current();
            // SAFETY: rule 1; no pointer is used, and the second call stops this child until its parent lets it go on.
            unsafe {
                if libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) != 0 {
                    return 0;
                }
                ropewalk_shm::sync::owner::Owner::me(); // what a process asks the system once, it has asked
                libc::raise(libc::SIGSTOP);
            }
            body()
        });
        let mut child = child;
        if child.trace_stop() == Traced::Ended {
            return None;
        }
        // SAFETY: rule 2; stops at system calls can be told from others.
        unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, child.pid, 0, libc::PTRACE_O_TRACESYSGOOD) };
        Some(child)
    }

    /// One instruction further. A system call counts as one, also if it sleeps.
    pub fn step(&mut self) -> Traced {
        self.go_on(libc::PTRACE_SINGLESTEP);
        self.trace_stop()
    }

    /// As [`Child::step`], but it does not wait for the end of a sleep in a line of the ring.
    ///
    /// Which system call sleeps there is asked at its entry. Whether it does sleep is not: a sleep has an end in time, and
    /// who is stepped slowly can come too late for each, again and again.
    pub fn step_or_sleep(&mut self) -> Traced {
        if !self.is_before_system_call() {
            return self.step();
        }
        assert_eq!(self.run_to_system_call(), Traced::Stopped);
        let sleeps = self.enters_sleep();
        if sleeps {
            return self.fall_asleep();
        }
        self.begin_step();
        self.trace_stop()
    }

    fn fall_asleep(&mut self) -> Traced {
        self.begin_step();
        while self.look(libc::WNOHANG).is_none() && self.state() != Some('S') {
            std::thread::yield_now();
        }
        Traced::Asleep
    }

    /// Goes on until it stands for the `times`th time before the instruction at `address`, or has come to its end before.
    /// The processor looks for the address, see [`Child::can_break_at`].
    pub fn run_to(&mut self, address: u64, times: usize, at_sleep: AtSleep) -> Traced {
        let mut left = times;
        loop {
            if self.run_to_system_call() == Traced::Ended {
                return Traced::Ended;
            }
            if self.address() == address && !self.is_in_system_call() {
                left -= 1;
                if left == 0 {
                    self.set_breakpoint(None);
                    return Traced::Stopped;
                }
            } else if at_sleep == AtSleep::End && self.enters_sleep() {
                self.set_breakpoint(None);
                return self.fall_asleep();
            }
        }
    }

    /// Has the processor stop it before the instruction at `address`; `false` if this one cannot.
    pub fn can_break_at(&self, address: u64) -> bool {
        self.set_breakpoint(Some(address))
    }

    #[cfg(target_arch = "x86_64")]
    fn set_breakpoint(&self, address: Option<u64>) -> bool {
        let registers = std::mem::offset_of!(libc::user, u_debugreg);
        let set = |number: usize, value: u64| {
            // SAFETY: rule 2; a register of the stopped child.
            unsafe { libc::ptrace(libc::PTRACE_POKEUSER, self.pid, registers + 8 * number, value) == 0 }
        };
        // Register 7 says which of the four breakpoints are on, and that this one is for the execution of an instruction.
        match address {
            Some(address) => set(0, address) && set(7, 1),
            None => set(7, 0),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn set_breakpoint(&self, _: Option<u64>) -> bool {
        false
    }

    /// The instruction that comes next.
    pub fn address(&self) -> u64 {
        self.info().instruction_pointer
    }

    fn is_in_system_call(&self) -> bool {
        self.info().op != libc::PTRACE_SYSCALL_INFO_NONE
    }

    /// Begins the instruction without waiting for its end: [`Child::trace_stop`] does.
    pub fn begin_step(&mut self) {
        self.go_on(libc::PTRACE_SINGLESTEP);
    }

    /// Goes on to where the child enters a system call or comes back from it.
    pub fn run_to_system_call(&mut self) -> Traced {
        self.go_on(libc::PTRACE_SYSCALL);
        self.trace_stop()
    }

    /// Whether it stands at the entry of the system call that sleeps in a line of the ring. The lock's sleep goes by
    /// another clock.
    pub fn enters_sleep(&self) -> bool {
        let info = self.info();
        // SAFETY: rule 3; it is the member that `op` names.
        info.op == libc::PTRACE_SYSCALL_INFO_ENTRY
            && unsafe {
                info.u.entry.nr as i64 == libc::SYS_futex
                    && info.u.entry.args[1] == libc::FUTEX_WAIT_BITSET as u64
            }
    }

    /// Whether the instruction that comes next is a system call.
    pub fn is_before_system_call(&self) -> bool {
        let at = self.info().instruction_pointer;
        // SAFETY: rule 2; the kernel reads the child's memory.
        let word = unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, self.pid, at, 0) } as u64;
        word & SYSTEM_CALL.1 == SYSTEM_CALL.0
    }

    fn info(&self) -> libc::ptrace_syscall_info {
        // SAFETY: rules 2 and 3; the size is that of the value, which is whole when it is all zero.
        unsafe {
            let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
            let size = std::mem::size_of_val(&info);
            libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, self.pid, size, &raw mut info);
            info
        }
    }

    /// Whether this system tells what is asked of a stopped child.
    pub fn is_told_of(&mut self) -> bool {
        self.info().instruction_pointer != 0 && self.step() == Traced::Stopped
    }

    fn go_on(&mut self, how: libc::c_uint) {
        // SAFETY: rule 2; no signal is passed on.
        assert_eq!(unsafe { libc::ptrace(how, self.pid, 0, 0) }, 0, "ptrace");
    }

    /// Lets it go on by itself, with a signal that is handled before the next instruction.
    pub fn go_on_with(&mut self, signal: libc::c_int) {
        // SAFETY: rule 2.
        let gone = unsafe { libc::ptrace(libc::PTRACE_DETACH, self.pid, 0, signal as libc::c_long) };
        assert_eq!(gone, 0, "ptrace");
    }

    /// Waits until the traced child stops or ends.
    pub fn trace_stop(&mut self) -> Traced {
        let traced = self.look(0).expect("it was waited for");
        watchdog::beat();
        traced
    }

    fn look(&mut self, flags: libc::c_int) -> Option<Traced> {
        let mut status = 0;
        // SAFETY: rules 2 and 3.
        let pid = unsafe { libc::waitpid(self.pid, &mut status, flags) };
        if pid == 0 {
            return None;
        }
        assert_eq!(pid, self.pid, "waitpid");
        if libc::WIFSTOPPED(status) {
            return Some(Traced::Stopped);
        }
        self.ended = true;
        assert!(libc::WIFEXITED(status), "status {status:#x}");
        Some(Traced::Ended)
    }

    /// The letter for what the kernel has it do, see proc(5).
    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("not waited for");
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
    }

    /// The child's number.
    pub fn pid(&self) -> u32 {
        self.pid as u32
    }

    /// Sends a signal.
    pub fn signal(&self, signal: libc::c_int) {
        // SAFETY: rule 2.
        unsafe { libc::kill(self.pid, signal) };
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    /// Kills it and leaves it a zombie until it is dropped.
    pub fn kill_only(&self) {
        self.signal(libc::SIGKILL);
    }

    fn end(&mut self) {
        if !self.ended {
            self.signal(libc::SIGKILL);
            let mut status = 0;
            // SAFETY: rules 2 and 3.
            unsafe { libc::waitpid(self.pid, &mut status, 0) };
            self.ended = true;
        }
    }

    /// The code with which it ends by itself; `None` if it does not: it hangs.
    pub fn code(self) -> Option<u8> {
        Child::first_to_end(&mut vec![self])
    }

    /// Takes out the first of some children that ends by itself, with its code; `None` if none does.
    pub fn first_to_end(children: &mut Vec<Child>) -> Option<u8> {
        let mut polls: Vec<libc::pollfd> = children
            .iter()
            .map(|child| {
                // SAFETY: rule 2; the descriptor is ours, and closed below.
                let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.pid, 0) } as libc::c_int;
                assert!(fd >= 0, "pidfd_open: {}", std::io::Error::last_os_error());
                libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
            })
            .collect();
        let begun = Instant::now();
        watchdog::beat();
        let ready = loop {
            let patience = PATIENCE.saturating_sub(begun.elapsed()).as_millis() as libc::c_int;
            // SAFETY: rule 3; as many as there are.
            let ready = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, patience) };
            if ready >= 0 {
                break ready; // else the watchdog's signal came
            }
        };
        let ended = polls.iter().position(|poll| poll.revents != 0);
        for poll in polls {
            // SAFETY: rule 3; opened above.
            unsafe { libc::close(poll.fd) };
        }
        let mut child = children.remove(ended.filter(|_| ready > 0)?);
        let mut status = 0;
        // SAFETY: rules 2 and 3.
        unsafe { libc::waitpid(child.pid, &mut status, 0) };
        child.ended = true;
        assert!(libc::WIFEXITED(status), "status {status:#x}");
        Some(libc::WEXITSTATUS(status) as u8)
    }

    /// Waits until the child sleeps in the kernel, or stands still after a sleep that was stepped.
    pub fn wait_asleep(&self) {
        loop {
            match self.state() {
                Some('S' | 't') => return,
                Some('Z') => panic!("the child ended instead of sleeping"),
                _ => std::thread::yield_now(),
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether select(2) would say that a descriptor is readable.
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: rule 3.
    unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
}

/// Puts this process and its children on one processor: a step is then a switch and no flight to another core.
pub fn stay_on_one_processor() {
    // SAFETY: rule 3; the set is ours.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu().max(0) as usize, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of_val(&set), &set);
    }
}

/// Signals that came to this process.
pub static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// Lets SIGUSR1 end sleeps, and count.
pub fn be_interruptible() {
    extern "C" fn count(_: libc::c_int) {
        SIGNALS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: rule 3; the handler does one atomic addition, and system calls are not restarted.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut());
    }
}
