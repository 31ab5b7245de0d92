"""Operations on the files of a job, over `storage.ObjectStore`, that more than one program carries out."""
