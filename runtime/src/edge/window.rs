//! The messages of one edge that were received and are not yet removed.
//!
//! A message owns its acknowledgement: a [`Ticket`] is the only way to finish one, it cannot be
//! copied, and finishing consumes it. A ticket that is dropped leaves its message unfinished for
//! ever; the window then never moves past it, so the stream keeps it, and the next owner of the edge
//! gets it again. Nothing can be lost by forgetting, only by finishing.

use std::collections::VecDeque;

use async_nats::Subject;

use super::input::Input;

/// The right, and the duty, to finish a message, or one part of it.
#[must_use = "a message whose ticket is dropped is not finished: it will be delivered again"]
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Messages in the order of the stream.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// The number of the first slot; numbers are never used twice.
    base: u64,
    slots: VecDeque<Slot>,
    bytes: usize,
    unfinished: usize,
    highest: u64,
    floor: Floor,
}

#[derive(Debug)]
struct Slot {
    sequence: u64,
    acknowledge: Subject,
    bytes: usize,
    /// Tickets that are out.
    open: u32,
    /// Until it is finished.
    input: Option<Input>,
}

/// How far the finished prefix reaches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Floor {
    /// Its last sequence; 0 at the start.
    pub(crate) sequence: u64,
    /// Where to acknowledge it.
    pub(crate) acknowledge: Option<Subject>,
    /// Messages that were finished since the window began.
    pub(crate) finished: u64,
}

impl Window {
    /// Takes a message in; the ticket finishes it.
    pub(crate) fn receive(&mut self, input: Input) -> Ticket {
        let number = self.base + self.slots.len() as u64;
        let bytes = input.bytes();
        self.bytes += bytes;
        self.unfinished += 1;
        self.highest = self.highest.max(input.sequence);
        self.slots.push_back(Slot {
            sequence: input.sequence,
            acknowledge: input.acknowledge.clone(),
            bytes,
            open: 1,
            input: Some(input),
        });
        Ticket(number)
    }

    /// The message of a ticket.
    pub(crate) fn input(&self, ticket: &Ticket) -> &Input {
        self.slots[self.place(ticket.0)]
            .input
            .as_ref()
            .expect("a slot keeps its input while a ticket is out")
    }

    /// One more ticket for the same message: it is finished when both are.
    pub(crate) fn split(&mut self, ticket: &Ticket) -> Ticket {
        let place = self.place(ticket.0);
        self.slots[place].open += 1;
        Ticket(ticket.0)
    }

    /// Finishes a ticket; the last one of a message finishes the message. True: it did.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "finishing consumes the ticket: that is its point"
    )]
    pub(crate) fn finish(&mut self, ticket: Ticket) -> bool {
        let place = self.place(ticket.0);
        let slot = &mut self.slots[place];
        slot.open -= 1;
        if slot.open > 0 {
            return false;
        }
        slot.input = None;
        self.bytes -= slot.bytes;
        self.unfinished -= 1;
        while self.slots.front().is_some_and(|slot| slot.open == 0) {
            if let Some(slot) = self.slots.pop_front() {
                self.base += 1;
                self.floor.sequence = slot.sequence;
                self.floor.acknowledge = Some(slot.acknowledge);
                self.floor.finished += 1;
            }
        }
        true
    }

    /// The finished prefix.
    pub(crate) fn floor(&self) -> &Floor {
        &self.floor
    }

    /// The highest sequence received.
    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// Slots held, finished ones behind an unfinished one included.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Messages that are not finished.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a message after this one is finished, so that it would come again with this one.
    pub(crate) fn overtaken(&self, ticket: &Ticket) -> bool {
        self.slots
            .iter()
            .skip(self.place(ticket.0) + 1)
            .any(|slot| slot.open == 0)
    }

    fn place(&self, number: u64) -> usize {
        usize::try_from(number - self.base).expect("a window fits into memory")
    }
}

#[cfg(test)]
mod tests {
    use super::Window;
    use crate::edge::input::Input;

    fn message(sequence: u64) -> Input {
        Input::read(async_nats::Message {
            subject: "e.shop_orders.in".into(),
            reply: Some(format!("$JS.ACK.T_a.c.1.{sequence}.1.5.0").into()),
            payload: "{}".into(),
            headers: None,
            status: None,
            description: None,
            length: 0,
        })
        .expect("a delivery")
    }

    #[test]
    fn the_floor_moves_over_the_finished_prefix_only() {
        let mut window = Window::default();
        let first = window.receive(message(3));
        let second = window.receive(message(7));
        let third = window.receive(message(9));
        window.finish(second);
        assert_eq!(window.floor().sequence, 0);
        assert!(window.overtaken(&first));
        assert!(!window.overtaken(&third));
        window.finish(first);
        assert_eq!(window.floor().sequence, 7);
        assert_eq!((window.len(), window.unfinished()), (1, 1));
        window.finish(third);
        assert_eq!((window.floor().sequence, window.bytes()), (9, 0));
    }

    #[test]
    fn a_message_with_two_outputs_is_finished_when_both_are() {
        let mut window = Window::default();
        let first = window.receive(message(1));
        let second = window.split(&first);
        window.finish(first);
        assert_eq!(window.floor().sequence, 0);
        window.finish(second);
        assert_eq!(window.floor().sequence, 1);
    }

    #[test]
    fn a_dropped_ticket_keeps_its_message() {
        let mut window = Window::default();
        drop(window.receive(message(1)));
        let second = window.receive(message(2));
        window.finish(second);
        assert_eq!(window.floor().sequence, 0);
        assert_eq!(window.unfinished(), 1);
    }
}
