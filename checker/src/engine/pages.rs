//! A list that grows without ever copying what it holds.

/// How many items a page holds.
const PAGE: usize = 1 << 9;

/// A list in pages: it needs no more memory than its items and one page, also while it grows.
#[derive(Debug)]
pub(super) struct Pages<T> {
    pages: Vec<Vec<T>>,
    len: usize,
}

impl<T: Copy> Pages<T> {
    pub(super) fn new() -> Self {
        Self { pages: Vec::new(), len: 0 }
    }

    pub(super) fn push(&mut self, item: T) {
        if self.len.is_multiple_of(PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        if let Some(page) = self.pages.last_mut() {
            page.push(item);
        }
        self.len += 1;
    }

    pub(super) fn get(&self, index: usize) -> T {
        self.pages[index / PAGE][index % PAGE]
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.pages.len() * PAGE * size_of::<T>() + self.pages.capacity() * size_of::<Vec<T>>()
    }
}
