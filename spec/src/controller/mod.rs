//! What the committed records of the metadata log mean, and which records a request becomes.
