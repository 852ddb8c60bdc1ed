//! Kafka's names in Rust's spelling.

/// `ReplicaId` as `replica_id`. `KRaft` counts as one word.
pub fn snake(name: &str) -> String {
    let name: Vec<char> = name.replace("KRaft", "Kraft").chars().collect();
    let mut out = String::new();
    for (index, c) in name.iter().enumerate() {
        let after_lower = index > 0 && !name[index - 1].is_uppercase();
        let before_lower = name.get(index + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && index > 0 && (after_lower || before_lower) {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// `ReplicaId` as `replicaId`, as Kafka's JSON has it.
pub fn camel(name: &str) -> String {
    let mut rest = name.chars();
    rest.next().into_iter().flat_map(char::to_lowercase).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_kept_together() {
        for (kafka, rust) in [
            ("ReplicaId", "replica_id"),
            ("KRaftVersionFeature", "kraft_version_feature"),
            ("LastKnownElr", "last_known_elr"),
            ("TopicId", "topic_id"),
        ] {
            assert_eq!(super::snake(kafka), rust);
        }
    }
}
