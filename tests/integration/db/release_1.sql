-- A SQLite database as metseg 0.1.0 made it: `metseg migrate`, then the rows of tests/rows.py by its own
-- jobs.finalise; written with sqlite3.Connection.iterdump.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE artifact (
	id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	kind VARCHAR(30) NOT NULL, 
	path TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_artifact PRIMARY KEY (id), 
	CONSTRAINT uq_artifact_result_id_kind_path UNIQUE (result_id, kind, path), 
	CONSTRAINT fk_artifact_result_id_result FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE
);
INSERT INTO "artifact" VALUES(1,1,'mask-nifti','1/1-1/mask.nii.gz',7,'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee');
CREATE TABLE dropped_candidate (
	id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	volume_mm3 DOUBLE NOT NULL, 
	centroid_l_mm DOUBLE NOT NULL, 
	centroid_p_mm DOUBLE NOT NULL, 
	centroid_s_mm DOUBLE NOT NULL, 
	CONSTRAINT pk_dropped_candidate PRIMARY KEY (id), 
	CONSTRAINT fk_dropped_candidate_result_id_result FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE
);
INSERT INTO "dropped_candidate" VALUES(1,1,'smaller than 5 mm3',2.0,0.0,0.0,0.0);
CREATE TABLE evaluation (
	id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	reference_sha256 VARCHAR(64) NOT NULL, 
	reference_kind VARCHAR(30) NOT NULL, 
	dice DOUBLE NOT NULL, 
	lesion_dice DOUBLE, 
	hd95_mm DOUBLE, 
	true_positives INTEGER NOT NULL, 
	false_positives INTEGER NOT NULL, 
	false_negatives INTEGER NOT NULL, 
	reference_volume_mm3 DOUBLE NOT NULL, 
	volume_error_mm3 DOUBLE NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_evaluation PRIMARY KEY (id), 
	CONSTRAINT uq_evaluation_result_id_reference_sha256 UNIQUE (result_id, reference_sha256), 
	CONSTRAINT fk_evaluation_result_id_result FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE
);
INSERT INTO "evaluation" VALUES(1,1,'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','dicom-seg',0.8,0.75,1.5,2,0,1,310.0,-10.0,'2026-01-02 03:04:05.678901');
CREATE TABLE instance (
	id INTEGER NOT NULL, 
	snapshot_id INTEGER NOT NULL, 
	series_instance_uid VARCHAR(64) NOT NULL, 
	sop_instance_uid VARCHAR(64) NOT NULL, 
	modality VARCHAR(16) NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_instance PRIMARY KEY (id), 
	CONSTRAINT uq_instance_snapshot_id_sop_instance_uid UNIQUE (snapshot_id, sop_instance_uid), 
	CONSTRAINT fk_instance_snapshot_id_snapshot FOREIGN KEY(snapshot_id) REFERENCES snapshot (id) ON DELETE CASCADE
);
INSERT INTO "instance" VALUES(1,1,'1.2.1','1.2.1.1','MR',100,'00000000000000000000000000000000000000000000000000000000000000a1');
INSERT INTO "instance" VALUES(2,1,'1.2.1','1.2.1.2','MR',100,'00000000000000000000000000000000000000000000000000000000000000a2');
INSERT INTO "instance" VALUES(3,1,'1.2.1','1.2.1.3','MR',100,'00000000000000000000000000000000000000000000000000000000000000a3');
INSERT INTO "instance" VALUES(4,2,'1.3.1','1.3.1.1','MR',100,'00000000000000000000000000000000000000000000000000000000000000a1');
INSERT INTO "instance" VALUES(5,2,'1.3.1','1.3.1.2','MR',100,'00000000000000000000000000000000000000000000000000000000000000a2');
INSERT INTO "instance" VALUES(6,2,'1.3.1','1.3.1.3','MR',100,'00000000000000000000000000000000000000000000000000000000000000a3');
CREATE TABLE job (
	id INTEGER NOT NULL, 
	snapshot_id INTEGER NOT NULL, 
	model_version VARCHAR(100) NOT NULL, 
	settings_digest VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	priority INTEGER NOT NULL, 
	run_after DATETIME NOT NULL, 
	attempt INTEGER NOT NULL, 
	wish INTEGER NOT NULL, 
	infra_retries INTEGER NOT NULL, 
	fence INTEGER NOT NULL, 
	hb_seq INTEGER NOT NULL, 
	owner VARCHAR(200), 
	progress VARCHAR(100), 
	claimed_at DATETIME, 
	published_at DATETIME, 
	finished_at DATETIME, 
	error_code VARCHAR(50), 
	error_message TEXT, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_job PRIMARY KEY (id), 
	CONSTRAINT ck_job_running_has_owner CHECK (state <> 'running' OR owner IS NOT NULL), 
	CONSTRAINT ck_job_only_running_has_owner CHECK (state = 'running' OR owner IS NULL), 
	CONSTRAINT ck_job_counters_not_negative CHECK (attempt >= 0 AND fence >= 0 AND hb_seq >= 0), 
	CONSTRAINT uq_job_snapshot_id_model_version_settings_digest UNIQUE (snapshot_id, model_version, settings_digest), 
	CONSTRAINT fk_job_snapshot_id_snapshot FOREIGN KEY(snapshot_id) REFERENCES snapshot (id), 
	CONSTRAINT ck_job_jobstate CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled'))
);
INSERT INTO "job" VALUES(1,1,'fake-1','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','succeeded',0,'2026-01-02 03:04:05.678901',1,1,0,1,0,NULL,NULL,'2026-01-02 03:04:05.678901',NULL,'2026-01-02 03:04:05.678901',NULL,NULL,'2026-01-02 03:04:05.678901');
INSERT INTO "job" VALUES(2,2,'fake-1','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','pending',0,'2026-01-02 03:04:05.678901',0,1,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-01-02 03:04:05.678901');
CREATE TABLE job_event (
	id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	old_state VARCHAR(16), 
	new_state VARCHAR(16) NOT NULL, 
	fence INTEGER NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	code VARCHAR(50) NOT NULL, 
	detail TEXT, 
	CONSTRAINT pk_job_event PRIMARY KEY (id), 
	CONSTRAINT fk_job_event_job_id_job FOREIGN KEY(job_id) REFERENCES job (id), 
	CONSTRAINT ck_job_event_old_state CHECK (old_state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')), 
	CONSTRAINT ck_job_event_new_state CHECK (new_state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled'))
);
INSERT INTO "job_event" VALUES(1,1,'2026-01-02 03:04:05.678901',NULL,'pending',0,'intake','created',NULL);
INSERT INTO "job_event" VALUES(2,1,'2026-01-02 03:04:05.678901','pending','running',1,'w:1:a','claimed','attempt 1 of 3');
INSERT INTO "job_event" VALUES(3,1,'2026-01-02 03:04:05.678901','running','succeeded',1,'w:1:a','finalised',NULL);
INSERT INTO "job_event" VALUES(4,2,'2026-01-02 03:04:05.678901',NULL,'pending',0,'intake','created',NULL);
CREATE TABLE lesion (
	id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	tracking_uid VARCHAR(64) NOT NULL, 
	voxel_count INTEGER NOT NULL, 
	volume_mm3 DOUBLE NOT NULL, 
	longest_diameter_mm DOUBLE NOT NULL, 
	perpendicular_diameter_mm DOUBLE NOT NULL, 
	centroid_l_mm DOUBLE NOT NULL, 
	centroid_p_mm DOUBLE NOT NULL, 
	centroid_s_mm DOUBLE NOT NULL, 
	mean_probability DOUBLE NOT NULL, 
	measurable BOOLEAN NOT NULL, 
	CONSTRAINT pk_lesion PRIMARY KEY (id), 
	CONSTRAINT uq_lesion_result_id_number UNIQUE (result_id, number), 
	CONSTRAINT fk_lesion_result_id_result FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE
);
INSERT INTO "lesion" VALUES(1,1,1,'2.25.1',100,200.0,12.5,6.5,1.0,-2.0,3.0,0.9,1);
INSERT INTO "lesion" VALUES(2,1,2,'2.25.2',100,100.0,12.5,6.5,1.0,-2.0,3.0,0.9,1);
CREATE TABLE mask (
	result_id INTEGER NOT NULL, 
	nifti_gz BLOB NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_mask PRIMARY KEY (result_id), 
	CONSTRAINT fk_mask_result_id_result FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE
);
INSERT INTO "mask" VALUES(1,X'1F8B206D61736B','64b48db2399f6fe87a5e837f6c6dc854b32d537a6b73ec33f222f3073e2759ce');
CREATE TABLE result (
	id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	fence INTEGER NOT NULL, 
	is_current BOOLEAN NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	series_instance_uid VARCHAR(64), 
	n_lesions INTEGER, 
	total_volume_mm3 DOUBLE, 
	agreement DOUBLE, 
	expected_dice DOUBLE, 
	entropy DOUBLE, 
	warnings JSON NOT NULL, 
	timings_s JSON NOT NULL, 
	versions JSON NOT NULL, 
	directory TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_result PRIMARY KEY (id), 
	CONSTRAINT uq_result_job_id UNIQUE (job_id), 
	CONSTRAINT fk_result_job_id_job FOREIGN KEY(job_id) REFERENCES job (id), 
	CONSTRAINT fk_result_study_id_study FOREIGN KEY(study_id) REFERENCES study (id), 
	CONSTRAINT ck_result_outcome CHECK (outcome IN ('segmented', 'no_series'))
);
INSERT INTO "result" VALUES(1,1,1,1,1,'segmented','1.2.1',2,300.0,0.95,0.9,0.1,'["slices are 4.0 mm apart"]','{"read": 0.5, "infer": 2.0}','{"metseg": "0.1.0", "ensemble": "fake-1"}','1/1-1','2026-01-02 03:04:05.678901');
CREATE TABLE series (
	id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	series_instance_uid VARCHAR(64) NOT NULL, 
	modality VARCHAR(16) NOT NULL, 
	n_instances INTEGER NOT NULL, 
	chosen BOOLEAN NOT NULL, 
	eligible BOOLEAN NOT NULL, 
	score DOUBLE NOT NULL, 
	reasons_for JSON NOT NULL, 
	reasons_against JSON NOT NULL, 
	CONSTRAINT pk_series PRIMARY KEY (id), 
	CONSTRAINT uq_series_result_id_series_instance_uid UNIQUE (result_id, series_instance_uid), 
	CONSTRAINT fk_series_result_id_result FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE
);
INSERT INTO "series" VALUES(1,1,'1.2.1','MR',3,1,1,9.0,'["contrast agent"]','[]');
INSERT INTO "series" VALUES(2,1,'1.2.9','MR',3,0,0,0.0,'[]','["not T1"]');
CREATE TABLE snapshot (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	n_instances INTEGER NOT NULL, 
	n_bytes BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_snapshot PRIMARY KEY (id), 
	CONSTRAINT uq_snapshot_study_id_digest UNIQUE (study_id, digest), 
	CONSTRAINT uq_snapshot_study_id_revision UNIQUE (study_id, revision), 
	CONSTRAINT fk_snapshot_study_id_study FOREIGN KEY(study_id) REFERENCES study (id)
);
INSERT INTO "snapshot" VALUES(1,1,1,'c20d1a88a4085811a16d2db744fd28bc3f24e4103305c86b19f174f1aac62c8b',3,300,'2026-01-02 03:04:05.678901');
INSERT INTO "snapshot" VALUES(2,2,1,'c20af49e87768041694769f5c72f57c1388ff11452d08f69a34b7ba1ff5bf72a',3,300,'2026-01-02 03:04:05.678901');
CREATE TABLE source_file (
	id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	mtime_ns BIGINT NOT NULL, 
	inode VARCHAR(20) NOT NULL, 
	first_seen_at DATETIME NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	reason TEXT, 
	sop_instance_uid VARCHAR(64), 
	sha256 VARCHAR(64), 
	study_id INTEGER, 
	CONSTRAINT pk_source_file PRIMARY KEY (id), 
	CONSTRAINT uq_source_file_path UNIQUE (path), 
	CONSTRAINT ck_source_file_filestatus CHECK (status IN ('seen', 'settled', 'ingested', 'ignored', 'quarantined')), 
	CONSTRAINT fk_source_file_study_id_study FOREIGN KEY(study_id) REFERENCES study (id)
);
CREATE TABLE study (
	id INTEGER NOT NULL, 
	study_instance_uid VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_study PRIMARY KEY (id), 
	CONSTRAINT uq_study_study_instance_uid UNIQUE (study_instance_uid)
);
INSERT INTO "study" VALUES(1,'1.2','2026-01-02 03:04:05.678901');
INSERT INTO "study" VALUES(2,'1.3','2026-01-02 03:04:05.678901');
CREATE TABLE worker (
	id INTEGER NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	host VARCHAR(200) NOT NULL, 
	pid INTEGER NOT NULL, 
	version VARCHAR(50) NOT NULL, 
	beat INTEGER NOT NULL, 
	started_at DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	paused_reason TEXT, 
	CONSTRAINT pk_worker PRIMARY KEY (id), 
	CONSTRAINT uq_worker_name UNIQUE (name), 
	CONSTRAINT ck_worker_role CHECK (role IN ('watcher', 'worker'))
);
CREATE INDEX ix_source_file_status ON source_file (status);
CREATE INDEX ix_source_file_study_id ON source_file (study_id);
CREATE INDEX ix_instance_sha256 ON instance (sha256);
CREATE INDEX ix_job_due ON job (state, run_after, priority);
CREATE INDEX ix_job_event_job_id ON job_event (job_id);
CREATE UNIQUE INDEX uq_result_current ON result (study_id) WHERE is_current;
CREATE INDEX ix_dropped_candidate_result_id ON dropped_candidate (result_id);
CREATE VIEW current_result AS
SELECT
    study.study_instance_uid, result.series_instance_uid, result.outcome, result.n_lesions,
    result.total_volume_mm3, result.agreement, evaluation.dice, job.model_version,
    snapshot.revision, result.created_at, result.directory, result.id AS result_id,
    result.job_id, result.study_id
FROM result
JOIN study ON study.id = result.study_id
JOIN job ON job.id = result.job_id
JOIN snapshot ON snapshot.id = job.snapshot_id
LEFT JOIN evaluation ON evaluation.id = (
    SELECT max(latest.id) FROM evaluation AS latest WHERE latest.result_id = result.id
)
WHERE result.is_current;
CREATE VIEW current_lesion AS
SELECT
    current_result.study_instance_uid, current_result.series_instance_uid, lesion.number,
    lesion.volume_mm3, lesion.longest_diameter_mm, lesion.perpendicular_diameter_mm,
    lesion.centroid_l_mm, lesion.centroid_p_mm, lesion.centroid_s_mm,
    lesion.mean_probability, lesion.measurable, lesion.voxel_count, lesion.tracking_uid,
    current_result.model_version, current_result.result_id, current_result.study_id
FROM lesion
JOIN current_result ON current_result.result_id = lesion.result_id;
COMMIT;
