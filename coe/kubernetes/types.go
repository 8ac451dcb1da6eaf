package kubernetes

// The parts of Kubernetes' objects that this package reads.

type metadata struct {
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`
	Deletion        string            `json:"deletionTimestamp,omitempty"`
	Finalizers      []string          `json:"finalizers,omitempty"` // somebody else's affair
	OwnerReferences []struct {
		Kind       string `json:"kind"`
		Controller bool   `json:"controller"`
	} `json:"ownerReferences,omitempty"`
}

type nodeObject struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Unschedulable bool `json:"unschedulable"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions"`
		NodeInfo   struct {
			KubeletVersion string `json:"kubeletVersion"`
		} `json:"nodeInfo"`
	} `json:"status"`
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"` // True, False, Unknown
	Message string `json:"message"`
}

type pod struct {
	Metadata metadata `json:"metadata"`
	Status   struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

func (p pod) String() string { return p.Metadata.Namespace + "/" + p.Metadata.Name }

type disruptionBudget struct {
	Status struct {
		DisruptionsAllowed int `json:"disruptionsAllowed"`
		CurrentHealthy     int `json:"currentHealthy"`
		ExpectedPods       int `json:"expectedPods"`
	} `json:"status"`
}

type list[T any] struct {
	Items []T `json:"items"`
}

// ready is the node's Ready condition; the zero condition if it has none yet.
func (n nodeObject) ready() condition {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return c
		}
	}
	return condition{}
}
