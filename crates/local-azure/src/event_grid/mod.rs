//! The local Event Grid: topics, event subscriptions, delivery.
